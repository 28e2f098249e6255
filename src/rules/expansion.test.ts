import { describe, expect, test } from 'vitest';
import {
  type ExpansionFacts,
  type ExpansionTarget,
  expansionTarget,
  isFinalCode,
  isInfeasibleCode,
  type NodeExpansionFacts,
  nodeExpansion,
  RESIZE_STATUSES,
} from './expansion.ts';
import {
  conditionTime,
  expansionFacts,
  withControllerError,
  withControllerIntent,
  withExpansionFinished,
  withNodeError,
  withNodeInProgress,
  withNodePending,
} from './expansion-status.ts';
import { compareQuantities } from '#api/quantity.ts';

interface Row {
  readonly rule: string;
  readonly when: string;
  /** requested, capacity, allocated, volume, as upstream's tables order them. */
  readonly sizes: readonly [string, string, string | undefined, string];
  readonly status?: string;
  readonly wasRefused?: boolean;
  readonly nodeOnly?: boolean;
  readonly then: string;
}
// Rows marked "upstream" are those of external-resizer's expand-and-recover table and of the operation generator's.
const ROWS: readonly Row[] = [
  { rule: 'RUL120', when: 'it is large enough', sizes: ['1G', '1G', undefined, '1G'], then: 'none' },
  { rule: 'RUL120', when: 'it asks for less than it has', sizes: ['1G', '2G', '2G', '2G'], then: 'none' },
  {
    rule: 'RUL120',
    when: 'it is large enough, whatever the status',
    sizes: ['1G', '1G', '1G', '1G'],
    status: 'NodeResizePending',
    then: 'none',
  },
  {
    rule: 'RUL123',
    when: 'upstream: nothing is under way',
    sizes: ['2G', '1G', undefined, '1G'],
    then: '2G',
  },
  {
    rule: 'RUL123',
    when: 'upstream: the volume has it and nothing is recorded',
    sizes: ['2G', '1G', undefined, '2G'],
    then: '2G',
  },
  {
    rule: 'RUL123',
    when: 'upstream: the volume is larger and only the record was lost',
    sizes: ['2G', '1G', '3G', '3G'],
    then: '3G',
  },
  {
    rule: 'RUL123',
    when: 'upstream: infeasible, and the user asks for less',
    sizes: ['5G', '3G', '10G', '3G'],
    status: 'ControllerResizeInfeasible',
    then: '5G',
  },
  {
    rule: 'RUL123',
    when: 'infeasible and asked again',
    sizes: ['10G', '3G', '10G', '3G'],
    status: 'ControllerResizeInfeasible',
    then: '10G',
  },
  {
    rule: 'RUL123',
    when: 'infeasible while the volume has enough',
    sizes: ['5G', '3G', '10G', '10G'],
    status: 'ControllerResizeInfeasible',
    then: '10G',
  },
  {
    rule: 'RUL122',
    when: 'upstream: unknown, and the user asks for more',
    sizes: ['10G', '1G', '3G', '1G'],
    status: 'ControllerResizeInProgress',
    then: '3G',
  },
  {
    rule: 'RUL122',
    when: 'upstream: unknown, and the user asks for less',
    sizes: ['2G', '1G', '10G', '1G'],
    status: 'ControllerResizeInProgress',
    then: '10G',
  },
  {
    rule: 'RUL122',
    when: 'upstream: the volume was written and the claim not',
    sizes: ['2G', '1G', '2G', '2G'],
    status: 'ControllerResizeInProgress',
    then: '2G',
  },
  {
    rule: 'RUL122',
    when: 'in progress without a recorded size',
    sizes: ['2G', '1G', undefined, '1G'],
    status: 'ControllerResizeInProgress',
    then: '2G',
  },
  {
    rule: 'RUL123',
    when: 'refused for good, and the user asks for less',
    sizes: ['2G', '1G', '10G', '1G'],
    status: 'ControllerResizeInProgress',
    wasRefused: true,
    then: '2G',
  },
  {
    rule: 'RUL121',
    when: 'upstream: the node is next',
    sizes: ['2G', '1G', '2G', '2G'],
    status: 'NodeResizePending',
    then: 'node',
  },
  {
    rule: 'RUL121',
    when: 'upstream: the node is next and the user asks for more',
    sizes: ['10G', '1G', '3G', '3G'],
    status: 'NodeResizePending',
    then: 'node',
  },
  {
    rule: 'RUL121',
    when: 'upstream: the node is at it and the user asks for more',
    sizes: ['10G', '1G', '3G', '3G'],
    status: 'NodeResizeInProgress',
    then: 'node',
  },
  {
    rule: 'RUL121',
    when: 'the node is next and the user asks for less',
    sizes: ['2G', '1G', '3G', '3G'],
    status: 'NodeResizePending',
    then: 'node',
  },
  {
    rule: 'RUL122',
    when: 'the node is next but the volume never got its size',
    sizes: ['10G', '1G', '3G', '2G'],
    status: 'NodeResizePending',
    then: '3G',
  },
  {
    rule: 'RUL122',
    when: 'the node is next, nothing recorded, the volume too small',
    sizes: ['10G', '1G', undefined, '2G'],
    status: 'NodeResizeInProgress',
    then: '10G',
  },
  {
    rule: 'RUL124',
    when: 'upstream: the node refused what the controller did',
    sizes: ['2G', '1G', '2G', '2G'],
    status: 'NodeResizeInfeasible',
    then: '2G',
  },
  {
    rule: 'RUL124',
    when: 'the node refused, and the user asks for less than the volume has',
    sizes: ['5G', '3G', '10G', '10G'],
    status: 'NodeResizeInfeasible',
    then: '10G',
  },
  {
    rule: 'RUL124',
    when: 'upstream: the node refused, no controller side, the user asks for less',
    sizes: ['5G', '3G', '10G', '10G'],
    status: 'NodeResizeInfeasible',
    nodeOnly: true,
    then: '5G',
  },
  {
    rule: 'RUL124',
    when: 'upstream: the node refused, and the user asks for more',
    sizes: ['10G', '1G', '3G', '3G'],
    status: 'NodeResizeInfeasible',
    then: '3G',
  },
  {
    rule: 'RUL125',
    when: 'an intent without a status is larger than the request',
    sizes: ['5G', '3G', '10G', '3G'],
    then: '10G',
  },
  {
    rule: 'RUL125',
    when: 'the status is one of a later release',
    sizes: ['5G', '3G', '10G', '3G'],
    status: 'SomethingNew',
    then: '10G',
  },
];

const textOf = (target: ExpansionTarget): string => (target.kind === 'expand' ? target.to : target.kind);
const factsOf = ({ sizes: [requested, capacity, allocated, volumeCapacity], status = '' }: Row) => ({
  requested,
  capacity,
  allocated,
  volumeCapacity,
  status,
});

describe('the size the controller side is asked for', () => {
  test.each(ROWS)('$rule: is $then when $when', (row) => {
    const knows = { canExpandOnController: row.nodeOnly !== true, wasRefused: row.wasRefused === true };
    expect(textOf(expansionTarget(factsOf(row), knows))).toBe(row.then);
  });

  const SIZES = ['1G', '2G', '3G', '4G'];
  test.each(['', ...RESIZE_STATUSES])(
    'RUL125: never falls without a final failure, status "%s"',
    (status) => {
      for (const requested of SIZES) {
        for (const capacity of SIZES) {
          for (const allocated of [undefined, ...SIZES]) {
            for (const volumeCapacity of SIZES) {
              const facts: ExpansionFacts = { requested, capacity, allocated, status, volumeCapacity };
              const target = expansionTarget(facts, { canExpandOnController: true, wasRefused: false });
              if (target.kind !== 'expand') continue;
              if (allocated === undefined || status === 'ControllerResizeInfeasible') continue;
              expect(compareQuantities(target.to, allocated), JSON.stringify(facts)).toBeGreaterThanOrEqual(
                0,
              );
            }
          }
        }
      }
    },
  );
});

describe('the node', () => {
  const facts = (over: Partial<NodeExpansionFacts>): NodeExpansionFacts => ({
    capacity: '1G',
    status: '',
    volumeCapacity: '2G',
    grownTo: '1G',
    ...over,
  });
  test.each([
    { rule: 'RUL130', when: 'it is next', view: { status: 'NodeResizePending' }, then: 'grow 2G, recorded' },
    {
      rule: 'RUL130',
      when: 'it was interrupted',
      view: { status: 'NodeResizeInProgress' },
      then: 'grow 2G, recorded',
    },
    { rule: 'RUL130', when: 'it refused before', view: { status: 'NodeResizeInfeasible' }, then: 'none' },
    {
      rule: 'RUL130',
      when: 'the controller side is still at it',
      view: { status: 'ControllerResizeInProgress' },
      then: 'none',
    },
    {
      rule: 'RUL130',
      when: 'the controller side failed',
      view: { status: 'ControllerResizeInfeasible' },
      then: 'none',
    },
    { rule: 'RUL130', when: 'nobody asked', view: { status: '' }, then: 'none' },
    { rule: 'RUL131', when: 'all are equal', view: { capacity: '2G', grownTo: '2G' }, then: 'none' },
    { rule: 'RUL131', when: 'another node finished', view: { capacity: '2G' }, then: 'grow 2G, unrecorded' },
    {
      rule: 'RUL131',
      when: 'nothing is mounted here',
      view: { capacity: '2G', grownTo: undefined },
      then: 'none',
    },
  ])('$rule: decides $then when $when', ({ view, then }) => {
    const made = nodeExpansion(facts(view));
    const text =
      made.kind === 'none' ? 'none' : `grow ${made.to}, ${made.isRecorded ? 'recorded' : 'unrecorded'}`;
    expect(text).toBe(then);
  });
});

test.each([
  ['RUL132', 'OUT_OF_RANGE', true, true],
  ['RUL132', 'FAILED_PRECONDITION', false, true],
  ['RUL133', 'INTERNAL', false, true],
  ['RUL133', 'DEADLINE_EXCEEDED', false, false],
  ['RUL133', 'RESOURCE_EXHAUSTED', false, false],
])('%s: %s is infeasible %s, final %s', (_rule, code, isInfeasible, isFinal) => {
  expect([isInfeasibleCode(code), isFinalCode(code)]).toEqual([isInfeasible, isFinal]);
});

describe('the status of a claim', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z');
  const LATER = NOW + 60_000;
  const foreign = { type: 'Unused', status: 'True' };
  const types = (status: { readonly conditions?: readonly { readonly type: string }[] | undefined }) =>
    status.conditions?.map(({ type }) => type);

  test('RUL126: the intent records the size and keeps other conditions', () => {
    const status = withControllerIntent({ phase: 'Bound', conditions: [foreign] }, '2Gi', NOW);
    expect(status).toMatchObject({
      phase: 'Bound',
      allocatedResources: { storage: '2Gi' },
      allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
    });
    expect(types(status)).toEqual(['Unused', 'Resizing']);
  });

  test('RUL127: an error keeps the status, an infeasible one changes it, and the time of the last attempt moves', () => {
    const begun = withControllerIntent(undefined, '2Gi', NOW);
    const failed = withControllerError(begun, { message: 'busy', isInfeasible: false }, NOW);
    expect(failed.allocatedResourceStatuses?.storage).toBe('ControllerResizeInProgress');
    const refused = withControllerError(failed, { message: 'too large', isInfeasible: true }, LATER);
    expect(refused.allocatedResourceStatuses?.storage).toBe('ControllerResizeInfeasible');
    expect(types(refused)).toEqual(['Resizing', 'ControllerResizeError']);
    expect(refused.conditions?.[1]).toMatchObject({
      message: 'failed to expand pvc with too large',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      lastProbeTime: '2026-01-01T00:01:00Z',
    });
    expect(conditionTime(refused, 'ControllerResizeError')).toBe(LATER);
    expect(conditionTime(refused, 'NodeResizeError')).toBeUndefined();
    const node = withNodeError(withNodePending(begun, NOW), { message: 'no', isInfeasible: true }, NOW);
    expect(node.allocatedResourceStatuses?.storage).toBe('NodeResizeInfeasible');
    expect(types(node)).toEqual(['FileSystemResizePending', 'NodeResizeError']);
  });

  test('RUL128: the node is next: only FileSystemResizePending is left of the resize conditions', () => {
    const begun = withControllerIntent({ conditions: [foreign] }, '2Gi', NOW);
    const pending = withNodePending(
      withControllerError(begun, { message: 'x', isInfeasible: false }, NOW),
      NOW,
    );
    expect(types(pending)).toEqual(['Unused', 'FileSystemResizePending']);
    expect(withNodeInProgress(pending).allocatedResourceStatuses).toEqual({
      storage: 'NodeResizeInProgress',
    });
  });

  test('RUL129: at the end the capacity is there and nothing else is left', () => {
    const begun = withNodePending(withControllerIntent({ capacity: { storage: '1Gi' } }, '2Gi', NOW), NOW);
    expect(withExpansionFinished(begun, '2Gi')).toEqual({
      capacity: { storage: '2Gi' },
      allocatedResources: { storage: '2Gi' },
      allocatedResourceStatuses: undefined,
      conditions: undefined,
    });
  });

  test('RUL120: a claim without a size says nothing', () => {
    expect(expansionFacts({ spec: {}, status: {} }, '1Gi')).toBeUndefined();
  });
});
