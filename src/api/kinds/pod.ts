// Pod: its spec is fixed once created, its status comes from the node, and it is deleted gracefully.
import type { JsonObject } from '../json.ts';
import { pods } from '../resources.ts';
import { defineKind, generationOf, withGeneration } from './define-kind.ts';
import { takeMember } from './edit.ts';
import { sameValue } from './equal.ts';
import { rootOf } from './field.ts';
import { podColumns, podRow } from './pod-cells.ts';
import { initialPodStatus, podDefaults } from './pod-defaults.ts';
import { validatePodStatusUpdate, validatePodUpdate } from './pod-update.ts';
import { validateNewPod } from './pod-validate.ts';

export const podKind = defineKind({
  resource: pods,
  shortNames: ['po'],
  categories: ['all'],
  subresources: ['status', 'binding', 'log', 'exec'],
  defaults: podDefaults,
  prepareForCreate: (object) => withGeneration(initialPodStatus(object), 1),
  prepareForUpdate,
  validateCreate: (object) => validateNewPod(object).list,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  selectableFieldNames: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  selectableFields,
  columns: podColumns,
  row: podRow,
  deletionGraceSeconds,
});

function prepareForUpdate(object: JsonObject, old: JsonObject): JsonObject {
  const kept = takeMember(object, old, 'status');
  const changed = !sameValue(object['spec'], old['spec']);
  const generation = generationOf(old) + (changed ? 1 : 0);
  return generation === 0 ? kept : withGeneration(kept, generation);
}

function selectableFields(object: JsonObject): Readonly<Record<string, string>> {
  const spec = rootOf(object).child('spec');
  const status = rootOf(object).child('status');
  return {
    'spec.nodeName': spec.child('nodeName').text,
    'spec.restartPolicy': spec.child('restartPolicy').text,
    'spec.schedulerName': spec.child('schedulerName').text,
    'spec.serviceAccountName': spec.child('serviceAccountName').text,
    'spec.hostNetwork': String(spec.child('hostNetwork').flag ?? false),
    'status.phase': status.child('phase').text,
    'status.podIP': status.child('podIPs').items[0]?.child('ip').text ?? status.child('podIP').text,
    'status.nominatedNodeName': status.child('nominatedNodeName').text,
  };
}

/** Asked for, else the pod's own; none for a pod that no node knows or that has ended. A second delete shortens. */
function deletionGraceSeconds(object: JsonObject, requested: number | undefined): number {
  const root = rootOf(object);
  if (root.at('metadata', 'deletionTimestamp').present) {
    const running = root.at('metadata', 'deletionGracePeriodSeconds').number ?? 0;
    return requested === undefined ? running : Math.min(running, atLeastOne(requested));
  }
  const phase = root.at('status', 'phase').text;
  if (root.at('spec', 'nodeName').text === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const own = root.at('spec', 'terminationGracePeriodSeconds').number ?? 0;
  return atLeastOne(requested ?? own);
}

/** A negative period, which old clients could store, means one second; zero stays zero. */
function atLeastOne(seconds: number): number {
  return seconds < 0 ? 1 : seconds;
}
