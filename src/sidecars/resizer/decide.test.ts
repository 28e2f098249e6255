import { describe, expect, test } from 'vitest';
import type { ExpansionFacts } from '#rules/expansion.ts';
import type { ModifyFacts } from '#rules/modify.ts';
import { decideExpansion, decideModify, INFEASIBLE_RETRY_MS } from './decide.ts';
import type { ExpansionView, ModifyView } from './view.ts';

const NOW = 10_000_000;
const FACTS: ExpansionFacts = {
  requested: '2Gi',
  capacity: '1Gi',
  allocated: undefined,
  status: '',
  volumeCapacity: '1Gi',
};
const sizes = (over: Partial<ExpansionFacts>): Partial<ExpansionView> => ({ facts: { ...FACTS, ...over } });
const recorded = { allocated: '2Gi', status: 'ControllerResizeInProgress' };

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly view: Partial<ExpansionView>;
  readonly then: string;
}
const ROWS: readonly Row[] = [
  { rule: 'RSZ1', when: 'the claim is not bound here', view: { isOurs: false }, then: 'none' },
  { rule: 'RSZ1', when: 'there is no size yet', view: { facts: undefined }, then: 'none' },
  { rule: 'RSZ11', when: 'it is large enough', view: sizes({ capacity: '2Gi' }), then: 'none' },
  { rule: 'RSZ2', when: 'nothing is recorded', view: {}, then: 'record 2Gi' },
  { rule: 'RSZ2', when: 'the intent is stored', view: sizes(recorded), then: 'expand 2Gi' },
  { rule: 'RSZ2', when: 'another size is recorded', view: sizes({ allocated: '1Gi' }), then: 'record 2Gi' },
  {
    rule: 'RSZ2',
    when: 'an older, finished intent has the same size',
    view: sizes({ allocated: '2Gi' }),
    then: 'record 2Gi',
  },
  {
    rule: 'RSZ4',
    when: 'the node is next',
    view: sizes({ allocated: '2Gi', status: 'NodeResizePending', volumeCapacity: '2Gi' }),
    then: 'none',
  },
  {
    rule: 'RSZ4',
    when: 'the claim has it and the volume remembers the old',
    view: { ...sizes({ capacity: '2Gi', volumeCapacity: '2Gi' }), hasPreResizeCapacity: true },
    then: 'forget-old-capacity',
  },
  {
    rule: 'RSZ4',
    when: 'the request was lowered while the node is at it',
    view: { ...sizes({ requested: '1Gi', volumeCapacity: '2Gi' }), hasPreResizeCapacity: true },
    then: 'none',
  },
  {
    rule: 'RSZ7',
    when: 'it was infeasible a moment ago',
    view: { ...sizes({ allocated: '2Gi', status: 'ControllerResizeInfeasible' }), refusedAt: NOW - 1000 },
    then: 'wait',
  },
  {
    rule: 'RSZ7',
    when: 'it was infeasible long ago',
    view: {
      ...sizes({ allocated: '2Gi', status: 'ControllerResizeInfeasible' }),
      refusedAt: NOW - INFEASIBLE_RETRY_MS,
    },
    then: 'record 2Gi',
  },
  {
    rule: 'RSZ7',
    when: 'it was infeasible and the user asks for less',
    view: { ...sizes({ allocated: '9Gi', status: 'ControllerResizeInfeasible' }), refusedAt: NOW },
    then: 'record 2Gi',
  },
  {
    rule: 'RSZ7',
    when: 'the node refused a moment ago',
    view: {
      ...sizes({ allocated: '2Gi', status: 'NodeResizeInfeasible', volumeCapacity: '2Gi' }),
      refusedAt: NOW,
    },
    then: 'wait',
  },
  { rule: 'RSZ8', when: 'it is in use', view: { isInTheWay: true }, then: 'in-use' },
  {
    rule: 'RSZ8',
    when: 'it is in use after the intent',
    view: { ...sizes(recorded), isInTheWay: true },
    then: 'in-use',
  },
  { rule: 'RSZ9', when: 'the driver does not expand', view: { canExpand: false }, then: 'none' },
];

describe('decideExpansion', () => {
  test.each(ROWS)('$rule: decides $then when $when', ({ view, then }) => {
    const step = decideExpansion({
      isOurs: true,
      facts: FACTS,
      knows: { canExpandOnController: true, wasRefused: false },
      canExpand: true,
      isInTheWay: false,
      hasPreResizeCapacity: false,
      refusedAt: undefined,
      now: NOW,
      ...view,
    });
    expect('to' in step ? `${step.kind} ${step.to}` : step.kind).toBe(then);
  });
});

const classes: Readonly<Record<string, string>> = { a: 'd', b: 'd', foreign: 'other' };
const facts = (over: Partial<ModifyFacts>): Partial<ModifyView> => ({
  facts: { wanted: '', current: '', status: '', target: '', ...over },
});
interface ModifyRow {
  readonly rule: string;
  readonly when: string;
  readonly view: Partial<ModifyView>;
  readonly then: string;
}
const MODIFY_ROWS: readonly ModifyRow[] = [
  {
    rule: 'RSZ20',
    when: 'it is not bound here',
    view: { ...facts({ wanted: 'a' }), isOurs: false },
    then: 'none',
  },
  { rule: 'RSZ20', when: 'no class is named', view: {}, then: 'none' },
  { rule: 'RSZ29', when: 'it has it', view: facts({ wanted: 'a', current: 'a' }), then: 'none' },
  { rule: 'RSZ21', when: 'it does not exist', view: facts({ wanted: 'gone' }), then: 'pend gone' },
  {
    rule: 'RSZ21',
    when: 'it does not exist and that is stored',
    view: facts({ wanted: 'gone', status: 'Pending', target: 'gone' }),
    then: 'none',
  },
  {
    rule: 'RSZ21',
    when: 'it has appeared',
    view: facts({ wanted: 'a', status: 'Pending', target: 'a' }),
    then: 'record a',
  },
  { rule: 'RSZ22', when: 'it is named first', view: facts({ wanted: 'a' }), then: 'record a' },
  {
    rule: 'RSZ22',
    when: 'the intent is stored',
    view: facts({ wanted: 'a', status: 'InProgress', target: 'a' }),
    then: 'modify a',
  },
  {
    rule: 'RSZ25',
    when: 'it was infeasible a moment ago',
    view: { ...facts({ wanted: 'a', status: 'Infeasible', target: 'a' }), refusedAt: NOW },
    then: 'wait',
  },
  {
    rule: 'RSZ25',
    when: 'it was infeasible long ago',
    view: {
      ...facts({ wanted: 'a', status: 'Infeasible', target: 'a' }),
      refusedAt: NOW - INFEASIBLE_RETRY_MS,
    },
    then: 'record a',
  },
  {
    rule: 'RSZ25',
    when: 'another is named after an infeasible one',
    view: { ...facts({ wanted: 'b', status: 'Infeasible', target: 'a' }), refusedAt: NOW },
    then: 'record b',
  },
  {
    rule: 'RSZ26',
    when: 'another is named while the outcome is unknown',
    view: facts({ wanted: 'b', status: 'InProgress', target: 'a' }),
    then: 'modify a',
  },
  {
    rule: 'RSZ26',
    when: 'another is named and the class of unknown outcome has gone',
    view: facts({ wanted: 'b', status: 'InProgress', target: 'gone' }),
    then: 'record b',
  },
  {
    rule: 'RSZ26',
    when: 'another is named after a refusal',
    view: { ...facts({ wanted: 'b', status: 'InProgress', target: 'a' }), wasRefused: true },
    then: 'record b',
  },
  {
    rule: 'RSZ27',
    when: 'the claim returns after an infeasible one',
    view: facts({ wanted: 'a', current: 'a', status: 'Infeasible', target: 'b' }),
    then: 'clear',
  },
  {
    rule: 'RSZ27',
    when: 'the claim returns after a refusal',
    view: {
      ...facts({ wanted: 'a', current: 'a', status: 'InProgress', target: 'b' }),
      wasRefused: true,
    },
    then: 'record a',
  },
  {
    rule: 'RSZ28',
    when: 'it is for another driver',
    view: facts({ wanted: 'foreign' }),
    then: 'refuse foreign',
  },
  {
    rule: 'RSZ28',
    when: 'it is for another driver and that is stored',
    view: facts({ wanted: 'foreign', status: 'Infeasible', target: 'foreign' }),
    then: 'none',
  },
  {
    rule: 'RSZ28',
    when: 'the driver does not modify',
    view: { ...facts({ wanted: 'a' }), canModify: false },
    then: 'refuse a',
  },
];

describe('decideModify', () => {
  test.each(MODIFY_ROWS)('$rule: decides $then when $when', ({ view, then }) => {
    const step = decideModify({
      isOurs: true,
      facts: { wanted: '', current: '', status: '', target: '' },
      canModify: true,
      driver: 'd',
      driverOfClass: (name) => classes[name],
      wasRefused: false,
      refusedAt: undefined,
      now: NOW,
      ...view,
    });
    expect('target' in step ? `${step.kind} ${step.target}` : step.kind).toBe(then);
  });
});
