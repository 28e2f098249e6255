// What every pod has even if its author did not say: a service account and a priority.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { forbidden } from '#api/status.ts';
import type { Target } from '../registry/target.ts';
import { isCore } from './admission-rule.ts';

/** The priority classes that every cluster has. */
const PRIORITIES: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);

export function addPodDefaults(target: Target, object: JsonObject): JsonObject {
  if (!isCore(target.definition, 'pods') || !isJsonObject(object.spec)) return object;
  const { spec } = object;
  const account = text(spec, 'serviceAccountName') ?? text(spec, 'serviceAccount') ?? 'default';
  const completed = { ...spec, serviceAccountName: account, serviceAccount: account };
  return { ...object, spec: { ...completed, ...priorityOf(target, spec) } };
}

function priorityOf(target: Target, spec: JsonObject): JsonObject {
  const className = text(spec, 'priorityClassName');
  const priority = className === undefined ? 0 : PRIORITIES.get(className);
  if (priority === undefined) {
    const why = `no PriorityClass with name ${className} was found`;
    throw forbidden(target.definition.resource, target.name, why);
  }
  if (spec.priority !== undefined && spec.priority !== priority) {
    const why = 'the integer value of priority must not be provided in pod spec';
    const text = `${why}; priority admission controller computed ${priority} from the given PriorityClass name`;
    throw forbidden(target.definition.resource, target.name, text);
  }
  return { priority, preemptionPolicy: spec.preemptionPolicy ?? 'PreemptLowerPriority' };
}

function text(spec: JsonObject, name: string): string | undefined {
  const value = spec[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
