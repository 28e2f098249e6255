// A claim without a class gets the default one: of several the newest, of equally new ones the first by name. An empty
// class name is a choice and stays.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { metadataOf, metaText } from '../registry/stored-form.ts';
import type { Target } from '../registry/target.ts';
import { type AdmissionView, isCore } from './admission-rule.ts';

const DEFAULT_MARKS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

export function addDefaultClass({ definition }: Target, object: JsonObject, view: AdmissionView): JsonObject {
  if (!isCore(definition, 'persistentvolumeclaims') || !isJsonObject(object.spec)) return object;
  if (typeof object.spec.storageClassName === 'string') return object;
  if (annotation(object, CLASS_ANNOTATION) !== undefined) return object;
  const name = defaultClass(view);
  return name === undefined ? object : { ...object, spec: { ...object.spec, storageClassName: name } };
}

function defaultClass(view: AdmissionView): string | undefined {
  let best: JsonObject | undefined;
  // In key order, so the first of equally new ones stays.
  for (const { object } of view.all('storageclasses')) {
    if (!DEFAULT_MARKS.some((mark) => annotation(object, mark) === 'true')) continue;
    if (best === undefined || created(object) > created(best)) best = object;
  }
  return best === undefined ? undefined : metaText(best, 'name');
}

function created(object: JsonObject): string {
  return metaText(object, 'creationTimestamp');
}

function annotation(object: JsonObject, name: string): string | undefined {
  const annotations = metadataOf(object).annotations;
  const value = isJsonObject(annotations) && Object.hasOwn(annotations, name) ? annotations[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
