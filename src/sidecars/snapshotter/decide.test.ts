import { describe, expect, test } from 'vitest';
import { type ContentStep, decideContent } from './decide.ts';
import type { ContentView } from './view.ts';

const aView = (changes: Partial<ContentView> = {}): ContentView => ({
  isDeleting: false,
  hasFinalizer: true,
  isBeingCreated: false,
  isBeingDeleted: false,
  isBound: true,
  policy: 'Delete',
  source: 'volume',
  hasHandle: false,
  isReady: false,
  isMember: false,
  ...changes,
});

const GOING = { isDeleting: true };

const ROWS: readonly {
  readonly rule: string;
  readonly when: string;
  readonly view: Partial<ContentView>;
  readonly step: ContentStep['kind'];
}[] = [
  { rule: 'SNS2', when: 'it is new', view: {}, step: 'record' },
  { rule: 'SNS4', when: 'it is recorded', view: { isBeingCreated: true }, step: 'create' },
  {
    rule: 'SNS5',
    when: 'its handle is stored',
    view: { isBeingCreated: true, hasHandle: true },
    step: 'settle',
  },
  { rule: 'SNS6', when: 'it is not ready', view: { hasHandle: true }, step: 'create' },
  { rule: 'SNS6', when: 'it is ready', view: { hasHandle: true, isReady: true }, step: 'none' },
  { rule: 'SNS20', when: 'a handle was given', view: { source: 'handle', hasHandle: true }, step: 'check' },
  {
    rule: 'SNS20',
    when: 'the given one is ready',
    view: { source: 'handle', hasHandle: true, isReady: true },
    step: 'none',
  },
  {
    rule: 'SNS20',
    when: 'the given one is not bound yet',
    view: { source: 'handle', hasHandle: true, isBound: false },
    step: 'check',
  },
  { rule: 'SNS30', when: 'its snapshot stays', view: { ...GOING, hasHandle: true }, step: 'wait' },
  {
    rule: 'SNS30',
    when: 'its snapshot goes',
    view: { ...GOING, hasHandle: true, isBeingDeleted: true },
    step: 'delete',
  },
  {
    rule: 'SNS30',
    when: 'it was never bound',
    view: { ...GOING, source: 'handle', hasHandle: true, isBound: false },
    step: 'delete',
  },
  {
    rule: 'SNS31',
    when: 'its creation is unknown',
    view: { ...GOING, isBeingCreated: true, isBeingDeleted: true },
    step: 'create',
  },
  {
    rule: 'SNS31',
    when: 'its creation is unknown and it is retained',
    view: { ...GOING, isBeingCreated: true, isBeingDeleted: true, policy: 'Retain' },
    step: 'create',
  },
  {
    rule: 'SNS31',
    when: 'its creation is known by now',
    view: { ...GOING, isBeingCreated: true, hasHandle: true, isBeingDeleted: true },
    step: 'settle',
  },
  {
    rule: 'SNS33',
    when: 'it is retained',
    view: { ...GOING, hasHandle: true, isBeingDeleted: true, policy: 'Retain' },
    step: 'release',
  },
  { rule: 'SNS33', when: 'nothing was ever made', view: { ...GOING, isBeingDeleted: true }, step: 'release' },
  {
    rule: 'SNS34',
    when: 'the finalizer is gone',
    view: { ...GOING, hasFinalizer: false, hasHandle: true, isBeingDeleted: true },
    step: 'none',
  },
  {
    rule: 'SNS36',
    when: 'it is a member of a group',
    view: { ...GOING, hasHandle: true, isBeingDeleted: true, isMember: true },
    step: 'release',
  },
];

describe('a content', () => {
  test.each(ROWS)('$rule: decides $step when $when', ({ view, step }) => {
    expect(decideContent(aView(view)).kind).toBe(step);
  });

  test('SNS31 SNS32 SNS36: of all states, only a settled, announced one of its own is deleted', () => {
    const flags = [true, false];
    for (let bits = 0; bits < 256; bits++) {
      const bit = (at: number): boolean => flags[(bits >> at) & 1] === true;
      for (const policy of ['Delete', 'Retain'] as const) {
        const view: ContentView = {
          isDeleting: bit(0),
          hasFinalizer: bit(1),
          isBeingCreated: bit(2),
          isBeingDeleted: bit(3),
          isBound: bit(4),
          hasHandle: bit(5),
          isReady: bit(6),
          isMember: bit(7),
          policy,
          source: 'volume',
        };
        const mayDelete =
          view.isDeleting &&
          view.hasFinalizer &&
          !view.isBeingCreated &&
          (view.isBeingDeleted || !view.isBound) &&
          view.hasHandle &&
          !view.isMember &&
          policy === 'Delete';
        expect(decideContent(view).kind === 'delete', JSON.stringify(view)).toBe(mayDelete);
      }
    }
  });
});
