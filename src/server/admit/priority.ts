// Priorities: a pod's number comes from its class, never from its author; there is one default class, and the cluster's
// own classes stay.
import { SYSTEM_PRIORITIES } from '#api/kinds/priority-class.ts';
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { forbidden } from '#api/status.ts';
import { metaText } from '../registry/stored-form.ts';
import type { Target } from '../registry/target.ts';
import { type AdmissionView, isCore } from './admission-rule.ts';

interface Priority {
  readonly className: string;
  readonly value: number;
  readonly preemptionPolicy: string;
}

const PREEMPTS = 'PreemptLowerPriority';

/** Gives a new pod the priority of its class, of the default class, or 0. */
export function addPriority(target: Target, object: JsonObject, view: AdmissionView): JsonObject {
  if (!isCore(target.definition, 'pods') || !isJsonObject(object.spec)) return object;
  const { spec } = object;
  const { className, value, preemptionPolicy } = priorityOf(target, spec, view);
  const computed = 'priority admission controller computed';
  if (spec.priority !== undefined && spec.priority !== value) {
    const why = `the integer value of priority (${JSON.stringify(spec.priority)}) must not be provided in pod spec`;
    const text = `${why}; ${computed} ${value} from the given PriorityClass name`;
    throw forbidden(target.definition.resource, target.name, text);
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    const why = `the string value of PreemptionPolicy (${JSON.stringify(spec.preemptionPolicy)}) must not be provided`;
    const text = `${why} in pod spec; ${computed} ${preemptionPolicy} from the given PriorityClass name`;
    throw forbidden(target.definition.resource, target.name, text);
  }
  const named = className === '' ? {} : { priorityClassName: className };
  return { ...object, spec: { ...spec, ...named, priority: value, preemptionPolicy } };
}

function priorityOf(target: Target, spec: JsonObject, view: AdmissionView): Priority {
  const className = typeof spec.priorityClassName === 'string' ? spec.priorityClassName : '';
  if (className === '') {
    return defaultPriority(view) ?? { className: '', value: 0, preemptionPolicy: PREEMPTS };
  }
  const found = view.get('priorityclasses', undefined, className)?.object;
  if (found === undefined) {
    const why = `no PriorityClass with name ${className} was found`;
    throw forbidden(target.definition.resource, target.name, why);
  }
  return readClass(found);
}

/** Of several default classes the one with the lowest value. */
function defaultPriority(view: AdmissionView): Priority | undefined {
  const defaults = [...view.all('priorityclasses')].filter(({ object }) => object.globalDefault === true);
  return defaults.map(({ object }) => readClass(object)).sort((a, b) => a.value - b.value)[0];
}

function readClass(object: JsonObject): Priority {
  const { value, preemptionPolicy } = object;
  return {
    className: metaText(object, 'name'),
    value: typeof value === 'number' ? value : 0,
    preemptionPolicy: typeof preemptionPolicy === 'string' ? preemptionPolicy : PREEMPTS,
  };
}

export function refuseSecondDefault(target: Target, object: JsonObject, view: AdmissionView): void {
  if (!isPriorityClass(target.definition) || object.globalDefault !== true) return;
  const other = defaultPriority(view);
  if (other === undefined || other.className === target.name) return;
  const why = `PriorityClass ${other.className} is already marked as default. Only one default can exist`;
  throw forbidden(target.definition.resource, target.name, why);
}

export function refuseSystemClassRemoval({ definition, name }: Target): void {
  if (!isPriorityClass(definition) || !SYSTEM_PRIORITIES.some((known) => known.name === name)) return;
  throw forbidden(definition.resource, name, 'this is a system priority class and cannot be deleted');
}

function isPriorityClass({ resource }: KindDefinition): boolean {
  return resource.group === 'scheduling.k8s.io' && resource.plural === 'priorityclasses';
}
