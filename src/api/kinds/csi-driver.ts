// CSIDriver: what the cluster must know about a driver. Attach and lifecycle modes are fixed; what the kubelet may
// learn later can change and raises the generation.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { csiDrivers } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind, generationOf, withGeneration } from './define-kind.ts';
import { editOrAdd, withDefaults } from './edit.ts';
import { sameValue } from './equal.ts';
import { Field, rootOf } from './field.ts';
import { driverNameProblems } from './grammar.ts';
import { Problems } from './problems.ts';

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const MIN_UPDATE_PERIOD_SECONDS = 10;
const FLAGS = ['attachRequired', 'podInfoOnMount', 'storageCapacity', 'requiresRepublish', 'seLinuxMount'];

export const csiDriverKind = defineKind({
  resource: csiDrivers,
  allowsUnconditionalUpdate: false,
  defaults: (object) =>
    editOrAdd(object, 'spec', (spec) =>
      withDefaults(spec, {
        attachRequired: true,
        podInfoOnMount: false,
        storageCapacity: false,
        fsGroupPolicy: 'ReadWriteOnceWithFSType',
        volumeLifecycleModes: ['Persistent'],
        requiresRepublish: false,
        seLinuxMount: false,
      }),
    ),
  prepareForUpdate,
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [
    column('AttachRequired', { type: 'boolean' }),
    column('PodInfoOnMount', { type: 'boolean' }),
    column('StorageCapacity', { type: 'boolean' }),
    column('TokenRequests'),
    column('RequiresRepublish', { type: 'boolean' }),
    column('Modes'),
    column('Age'),
  ],
  row,
});

function prepareForUpdate(object: JsonObject, old: JsonObject): JsonObject {
  const changed = !sameValue(object['spec'], old['spec']);
  const generation = generationOf(old) + (changed ? 1 : 0);
  return generation === 0 ? object : withGeneration(object, generation);
}

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  const spec = root.child('spec');
  const name = root.at('metadata', 'name');
  problems.optionallyNamed(name, driverNameProblems);
  for (const flag of FLAGS) {
    if (!spec.child(flag).present) problems.required(spec.child(flag));
  }
  problems.oneOf(spec.child('fsGroupPolicy'), ['File', 'None', 'ReadWriteOnceWithFSType']);
  for (const mode of spec.child('volumeLifecycleModes').items) {
    problems.oneOf(mode, ['Ephemeral', 'Persistent']);
  }
  checkTokenRequests(problems, spec.child('tokenRequests'));
  const period = spec.child('nodeAllocatableUpdatePeriodSeconds');
  if (period.number !== undefined && period.number < MIN_UPDATE_PERIOD_SECONDS) {
    problems.invalid(period, `must be greater than or equal to ${MIN_UPDATE_PERIOD_SECONDS} seconds`);
  }
  const inSecrets = spec.child('serviceAccountTokenInSecrets');
  if (inSecrets.present && spec.child('tokenRequests').size === 0) {
    problems.forbidden(inSecrets, 'may not be set unless `tokenRequests` is set');
  }
  return problems;
}

function checkTokenRequests(problems: Problems, requests: Field): void {
  const seen = new Set<string>();
  for (const request of requests.items) {
    const audience = request.child('audience');
    if (seen.has(audience.text)) problems.duplicate(audience);
    seen.add(audience.text);
    const seconds = request.child('expirationSeconds');
    if (seconds.number === undefined) continue;
    if (seconds.number < MIN_TOKEN_SECONDS) {
      problems.invalid(seconds, 'may not specify a duration less than 10 minutes');
    }
    if (seconds.number > MAX_TOKEN_SECONDS) {
      problems.invalid(seconds, 'may not specify a duration larger than 2^32 seconds');
    }
  }
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  const now = rootOf(object).child('spec');
  const before = rootOf(old).child('spec');
  // Kubernetes names this path "attachedRequired"; clients match on it.
  const attach = new Field('spec.attachedRequired', now.child('attachRequired').value);
  problems.immutable(attach, before.child('attachRequired'));
  problems.immutable(now.child('volumeLifecycleModes'), before.child('volumeLifecycleModes'));
  return problems.list;
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const spec = rootOf(object).child('spec');
  const audiences = spec.child('tokenRequests').items.map((request) => request.child('audience').text);
  return [
    spec.child('attachRequired').flag ?? true,
    spec.child('podInfoOnMount').flag ?? false,
    spec.child('storageCapacity').flag ?? false,
    audiences.length === 0 ? '<unset>' : audiences.join(','),
    spec.child('requiresRepublish').flag ?? false,
    spec.child('volumeLifecycleModes').texts.join(','),
    ageOf(object, now),
  ];
}
