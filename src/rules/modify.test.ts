import { describe, expect, test } from 'vitest';
import {
  modifyErrorTime,
  type ModifyFacts,
  modifyFacts,
  modifyTarget,
  withModifyError,
  withModifyFinished,
  withModifyIntent,
  withModifyPending,
} from './modify.ts';

interface Row {
  readonly rule: string;
  readonly when: string;
  readonly facts: Partial<ModifyFacts>;
  readonly wasRefused?: boolean;
  readonly then: string;
}
const ROWS: readonly Row[] = [
  { rule: 'RUL340', when: 'none is named', facts: {}, then: 'none' },
  { rule: 'RUL340', when: 'it has it', facts: { wanted: 'a', current: 'a' }, then: 'none' },
  { rule: 'RUL340', when: 'none is named any more', facts: { current: 'a' }, then: 'none' },
  { rule: 'RUL340', when: 'the first is named', facts: { wanted: 'a' }, then: 'a' },
  { rule: 'RUL340', when: 'another is named', facts: { wanted: 'b', current: 'a' }, then: 'b' },
  {
    rule: 'RUL341',
    when: 'it was missing',
    facts: { wanted: 'a', status: 'Pending', target: 'a' },
    then: 'a',
  },
  {
    rule: 'RUL341',
    when: 'the missing one is not wanted any more',
    facts: { wanted: 'a', current: 'a', status: 'Pending', target: 'b' },
    then: 'clear',
  },
  {
    rule: 'RUL341',
    when: 'it is infeasible',
    facts: { wanted: 'b', current: 'a', status: 'Infeasible', target: 'b' },
    then: 'b',
  },
  {
    rule: 'RUL341',
    when: 'another is named after an infeasible one',
    facts: { wanted: 'c', current: 'a', status: 'Infeasible', target: 'b' },
    then: 'c',
  },
  {
    rule: 'RUL341',
    when: 'the claim returns from an infeasible one',
    facts: { wanted: 'a', current: 'a', status: 'Infeasible', target: 'b' },
    then: 'clear',
  },
  {
    rule: 'RUL341',
    when: 'the claim gives up an infeasible first one',
    facts: { status: 'Infeasible', target: 'b' },
    then: 'clear',
  },
  {
    rule: 'RUL342',
    when: 'the outcome is unknown',
    facts: { wanted: 'b', status: 'InProgress', target: 'b' },
    then: 'b',
  },
  {
    rule: 'RUL342',
    when: 'the outcome is unknown and another is named',
    facts: { wanted: 'c', current: 'a', status: 'InProgress', target: 'b' },
    then: 'b',
  },
  {
    rule: 'RUL342',
    when: 'the outcome is unknown and none is named',
    facts: { status: 'InProgress', target: 'b' },
    then: 'b',
  },
  {
    rule: 'RUL343',
    when: 'it was refused and another is named',
    facts: { wanted: 'c', current: 'a', status: 'InProgress', target: 'b' },
    wasRefused: true,
    then: 'c',
  },
  {
    rule: 'RUL343',
    when: 'it was refused and the claim returns',
    facts: { wanted: 'a', current: 'a', status: 'InProgress', target: 'b' },
    wasRefused: true,
    then: 'a',
  },
  {
    rule: 'RUL343',
    when: 'it was refused, none is named and one was there',
    facts: { current: 'a', status: 'InProgress', target: 'b' },
    wasRefused: true,
    then: 'a',
  },
  {
    rule: 'RUL343',
    when: 'it was refused, and there is nothing to return to',
    facts: { status: 'InProgress', target: 'b' },
    wasRefused: true,
    then: 'clear',
  },
  {
    rule: 'RUL343',
    when: 'in progress without a target',
    facts: { wanted: 'b', status: 'InProgress' },
    then: 'b',
  },
];

describe('the class that is applied', () => {
  test.each(ROWS)('$rule: is $then when $when', ({ facts, wasRefused = false, then }) => {
    const target = modifyTarget(
      { wanted: '', current: '', status: '', target: '', ...facts },
      { wasRefused },
    );
    expect(target.kind === 'apply' ? target.target : target.kind).toBe(then);
  });
});

describe('the status of a claim', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z');
  const foreign = { type: 'Resizing', status: 'True' };

  test('RUL344: pending names the target only; the intent adds a condition', () => {
    const pending = withModifyPending({ conditions: [foreign] }, 'b');
    expect(pending).toEqual({
      conditions: [foreign],
      modifyVolumeStatus: { status: 'Pending', targetVolumeAttributesClassName: 'b' },
    });
    const begun = withModifyIntent(pending, 'b', NOW);
    expect(begun.modifyVolumeStatus?.status).toBe('InProgress');
    expect(begun.conditions?.map(({ type }) => type)).toEqual(['Resizing', 'ModifyingVolume']);
  });

  test('RUL345: an error is kept with its last time; RUL346: the end takes everything away', () => {
    const begun = withModifyIntent({ conditions: [foreign] }, 'b', NOW);
    const failed = withModifyError(begun, { target: 'b', message: 'no', isInfeasible: false }, NOW);
    expect(failed.modifyVolumeStatus?.status).toBe('InProgress');
    const refused = withModifyError(
      failed,
      { target: 'b', message: 'never', isInfeasible: true },
      NOW + 60_000,
    );
    expect(refused.modifyVolumeStatus?.status).toBe('Infeasible');
    expect(modifyErrorTime(refused)).toBe(NOW + 60_000);
    expect(refused.conditions?.at(-1)).toMatchObject({
      lastTransitionTime: '2026-01-01T00:00:00Z',
      message: 'ModifyVolume failed with error: never. Waiting for retry.',
    });
    expect(withModifyFinished(refused, 'b')).toEqual({
      conditions: [foreign],
      currentVolumeAttributesClassName: 'b',
      modifyVolumeStatus: undefined,
    });
    expect(withModifyFinished(refused, undefined).currentVolumeAttributesClassName).toBeUndefined();
  });

  test('RUL340: a claim without any says so in every field', () => {
    expect(modifyFacts({})).toEqual({ wanted: '', current: '', status: '', target: '' });
    expect(modifyErrorTime(undefined)).toBeUndefined();
  });
});
