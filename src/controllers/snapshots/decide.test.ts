import { describe, expect, test } from 'vitest';
import {
  chooseDefaultClass,
  type ContentView,
  decideContent,
  decideSnapshot,
  type SnapshotStep,
} from './decide.ts';
import type { ContentFacts, SnapshotFacts, SnapshotView } from './view.ts';

const aSnapshot = (changes: Partial<SnapshotFacts> = {}): SnapshotFacts => ({
  uid: 'u1',
  namespace: 'team',
  name: 'snap',
  isDeleting: false,
  isProtected: true,
  hasFinalizer: true,
  isDynamic: true,
  className: 'fast',
  boundName: '',
  isKeptByGroup: false,
  ...changes,
});

const aContent = (changes: Partial<ContentFacts> = {}): ContentFacts => ({
  name: 'snapcontent-u1',
  refNamespace: 'team',
  refName: 'snap',
  refUid: 'u1',
  isPreProvisioned: false,
  isDeleting: false,
  isBeingDeleted: false,
  policy: 'Delete',
  ...changes,
});

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly snapshot?: Partial<SnapshotFacts>;
  readonly content?: Partial<ContentFacts>;
  readonly view?: Partial<SnapshotView>;
  readonly step: SnapshotStep['kind'];
  readonly problem?: string;
}

const STATIC = { isDynamic: false, className: '' };
const GIVEN = { isPreProvisioned: true };
const GOING = { isDeleting: true };

const ROWS: readonly Row[] = [
  { rule: 'SNC2', when: 'it has no finalizers yet', snapshot: { isProtected: false }, step: 'protect' },
  {
    rule: 'SNC2',
    when: 'also for a pre-provisioned one',
    snapshot: { ...STATIC, isProtected: false },
    content: GIVEN,
    step: 'protect',
  },
  { rule: 'SNC1', when: 'it names no class', snapshot: { className: '' }, step: 'choose-class' },
  { rule: 'SNC3', when: 'it has no content', step: 'create-content' },
  {
    rule: 'SNC7',
    when: 'its content has gone',
    snapshot: { boundName: 'snapcontent-u1' },
    step: 'complain',
    problem: 'SnapshotContentMissing',
  },
  {
    rule: 'SNC7',
    when: 'the content it names is not there',
    snapshot: STATIC,
    step: 'complain',
    problem: 'SnapshotContentMissing',
  },
  {
    rule: 'SNC7',
    when: 'the content names another name',
    snapshot: STATIC,
    content: { ...GIVEN, refName: 'other', refUid: '' },
    step: 'complain',
    problem: 'SnapshotContentMisbound',
  },
  {
    rule: 'SNC7',
    when: 'the content names another namespace',
    snapshot: STATIC,
    content: { ...GIVEN, refNamespace: 'other', refUid: '' },
    step: 'complain',
    problem: 'SnapshotContentMisbound',
  },
  {
    rule: 'SNC7',
    when: 'the content has another UID',
    content: { refUid: 'u2' },
    step: 'complain',
    problem: 'SnapshotContentMisbound',
  },
  {
    rule: 'SNC7',
    when: 'a dynamic content is named',
    snapshot: STATIC,
    step: 'complain',
    content: {},
    problem: 'SnapshotContentMismatch',
  },
  {
    rule: 'SNC6',
    when: 'the content names it without a UID',
    snapshot: STATIC,
    content: { ...GIVEN, refUid: '' },
    step: 'bind-content',
  },
  {
    rule: 'SNC8',
    when: 'the content says something new',
    content: {},
    view: { isStatusBehind: true },
    step: 'publish',
  },
  { rule: 'SNC8', when: 'the content says nothing new', content: {}, step: 'none' },
  {
    rule: 'SNC8',
    when: 'a group member says something new',
    snapshot: { ...STATIC, isKeptByGroup: true },
    content: GIVEN,
    view: { isStatusBehind: true },
    step: 'publish',
  },
  {
    rule: 'SNC20',
    when: 'a claim is restored from it',
    snapshot: GOING,
    content: {},
    view: { neededBy: 'claim a/b' },
    step: 'pend',
  },
  {
    rule: 'SNC20',
    when: 'a claim is restored and there is no content',
    snapshot: GOING,
    view: { neededBy: 'claim a/b' },
    step: 'pend',
  },
  { rule: 'SNC21', when: 'its content does not know yet', snapshot: GOING, content: {}, step: 'announce' },
  {
    rule: 'SNC21',
    when: 'its content knows',
    snapshot: GOING,
    content: { isBeingDeleted: true },
    step: 'delete-content',
  },
  {
    rule: 'SNC21',
    when: 'its content is going',
    snapshot: GOING,
    content: { isBeingDeleted: true, ...GOING },
    step: 'none',
  },
  { rule: 'SNC21', when: 'its content has gone', snapshot: GOING, step: 'release' },
  {
    rule: 'SNC22',
    when: 'its content stays and does not know yet',
    snapshot: GOING,
    content: { policy: 'Retain' },
    step: 'announce',
  },
  {
    rule: 'SNC22',
    when: 'its content stays',
    snapshot: GOING,
    content: { policy: 'Retain', isBeingDeleted: true },
    step: 'release',
  },
  {
    rule: 'SNC24',
    when: 'the content is another’s',
    snapshot: GOING,
    content: { refUid: 'u2' },
    step: 'release',
  },
  {
    rule: 'SNC24',
    when: 'the content was never bound',
    snapshot: { ...STATIC, ...GOING },
    content: { ...GIVEN, refUid: '' },
    step: 'release',
  },
  {
    rule: 'SNC24',
    when: 'the content names another snapshot',
    snapshot: GOING,
    content: { refName: 'other' },
    step: 'release',
  },
  {
    rule: 'SNC25',
    when: 'its group lives',
    snapshot: { ...GOING, isKeptByGroup: true },
    content: {},
    step: 'none',
  },
  {
    rule: 'SNC21',
    when: 'its finalizers are gone',
    snapshot: { ...GOING, hasFinalizer: false },
    content: {},
    step: 'none',
  },
];

describe('a snapshot', () => {
  test.each(ROWS)('$rule: decides $step when $when', ({ snapshot, content, view, step, problem }) => {
    const decided = decideSnapshot({
      snapshot: aSnapshot(snapshot),
      content: content === undefined ? undefined : aContent(content),
      isStatusBehind: false,
      neededBy: undefined,
      ...view,
    });
    expect(decided.kind).toBe(step);
    if (problem !== undefined) expect(decided).toMatchObject({ problem });
  });

  test('SNC21: every state of the end leads somewhere, and only what is its own is touched', () => {
    const flags = [true, false];
    for (const isBeingDeleted of flags)
      for (const isDeleting of flags)
        for (const policy of ['Delete', 'Retain'] as const)
          for (const refUid of ['u1', 'u2', '']) {
            const content = aContent({ isBeingDeleted, isDeleting, policy, refUid });
            const view = { snapshot: aSnapshot(GOING), content, isStatusBehind: false, neededBy: undefined };
            const { kind } = decideSnapshot(view);
            if (refUid !== 'u1') expect(kind).toBe('release');
            else expect(['announce', 'delete-content', 'release', 'none']).toContain(kind);
          }
  });
});

describe('a content by itself', () => {
  const view = (changes: Partial<ContentView>): ContentView => ({
    isDeleting: false,
    hasFinalizer: true,
    isBound: true,
    isBeingDeleted: false,
    isWanted: false,
    ...changes,
  });
  test.each<{ rule: string; when: string; view: Partial<ContentView>; step: string }>([
    { rule: 'SNC5', when: 'it was made by hand', view: { hasFinalizer: false }, step: 'protect-content' },
    { rule: 'SNC5', when: 'it is protected', view: {}, step: 'none' },
    {
      rule: 'SNC23',
      when: 'it goes and its snapshot has gone',
      view: { isDeleting: true },
      step: 'announce',
    },
    {
      rule: 'SNC23',
      when: 'it goes and its snapshot wants it',
      view: { isDeleting: true, isWanted: true },
      step: 'none',
    },
    {
      rule: 'SNC23',
      when: 'it is announced',
      view: { isDeleting: true, isBeingDeleted: true },
      step: 'none',
    },
    { rule: 'SNC23', when: 'it was never bound', view: { isDeleting: true, isBound: false }, step: 'none' },
    {
      rule: 'SNC23',
      when: 'nothing keeps it',
      view: { isDeleting: true, hasFinalizer: false },
      step: 'none',
    },
  ])('$rule: decides $step when $when', ({ view: changes, step }) => {
    expect(decideContent(view(changes)).kind).toBe(step);
  });
});

describe('the default class', () => {
  const aClass = (name: string, driver = 'd', isDefault = true) => ({ name, driver, isDefault });
  test.each([
    { when: 'there is none', classes: [], chosen: undefined },
    { when: 'one is for the driver', classes: [aClass('a'), aClass('b', 'other')], chosen: 'a' },
    { when: 'it is no default', classes: [aClass('a', 'd', false)], chosen: undefined },
    { when: 'there are two', classes: [aClass('a'), aClass('b')], chosen: undefined },
  ])('SNC1: is $chosen when $when', ({ classes, chosen }) => {
    const result = chooseDefaultClass(classes, 'd');
    expect(result.kind === 'chosen' ? result.name : undefined).toBe(chosen);
  });
});
