// Which secrets and ConfigMaps a node may read: those that a pod bound to it refers to, directly or through the volume
// of its claim. References are found by their shape in the object (anything named after a secret that holds a name),
// not by a list of places, so that a place nobody thought of is not a hole (CVE-2024-3177).
import { isJsonObject, type JsonValue } from '#api/json.ts';
import type { AdmissionView } from './admit/admission-rule.ts';
import { nodeOf } from './watch-cache/object-selector.ts';
import type { StoredObject } from './watch-cache/stored-object.ts';

export type ReferenceKind = 'secret' | 'configMap';

interface Reference {
  readonly kind: ReferenceKind;
  /** Undefined: the namespace of the object that refers. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** True when a pod on `node` needs the object. */
export function nodeNeeds(
  view: AdmissionView,
  node: string,
  wanted: { readonly kind: ReferenceKind; readonly namespace: string; readonly name: string },
): boolean {
  for (const pod of view.all('pods')) {
    if (nodeOf(pod) !== node) continue;
    if (refersTo(pod.object.spec, pod.namespace, wanted)) return true;
    if (wanted.kind === 'secret' && volumesOf(view, pod).some((spec) => refersTo(spec, '', wanted)))
      return true;
  }
  return false;
}

function refersTo(spec: JsonValue | undefined, home: string, wanted: Required<Reference>): boolean {
  return [...referencesIn(spec)].some(
    ({ kind, namespace = home, name }) =>
      kind === wanted.kind && namespace === wanted.namespace && name === wanted.name,
  );
}

/** Every reference by name to a secret or ConfigMap in a spec. */
export function* referencesIn(value: JsonValue | undefined): Generator<Reference> {
  if (Array.isArray(value)) {
    for (const item of value) yield* referencesIn(item);
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const kind = /secret/i.test(key) ? 'secret' : /configmap/i.test(key) ? 'configMap' : undefined;
      if (kind !== undefined) yield* namesIn(kind, member);
      yield* referencesIn(member);
    }
  }
}

/** `secretName: x`, `secretRef: {name: x}`, `imagePullSecrets: [{name: x}]`. */
function* namesIn(kind: ReferenceKind, value: JsonValue | undefined): Generator<Reference> {
  if (typeof value === 'string') {
    yield { kind, namespace: undefined, name: value };
  } else if (Array.isArray(value)) {
    for (const item of value) yield* namesIn(kind, item);
  } else if (isJsonObject(value) && typeof value.name === 'string') {
    const namespace = typeof value.namespace === 'string' ? value.namespace : undefined;
    yield { kind, namespace, name: value.name };
  }
}

/** The specs of the volumes behind the claims of a pod. */
function volumesOf(view: AdmissionView, pod: StoredObject): readonly JsonValue[] {
  return claimNames(pod).flatMap((name) => {
    const claim = view.get('persistentvolumeclaims', pod.namespace, name)?.object.spec;
    const volume = isJsonObject(claim) ? claim.volumeName : undefined;
    if (typeof volume !== 'string' || volume === '') return [];
    return view.get('persistentvolumes', undefined, volume)?.object.spec ?? [];
  });
}

function claimNames(pod: StoredObject): readonly string[] {
  const { spec } = pod.object;
  const volumes: readonly JsonValue[] = isJsonObject(spec) && Array.isArray(spec.volumes) ? spec.volumes : [];
  return volumes.flatMap((volume) => {
    if (!isJsonObject(volume)) return [];
    const source = volume.persistentVolumeClaim;
    if (isJsonObject(source) && typeof source.claimName === 'string') return [source.claimName];
    // A generic ephemeral volume's claim is named after pod and volume.
    return volume.ephemeral !== undefined && typeof volume.name === 'string'
      ? [`${pod.name}-${volume.name}`]
      : [];
  });
}
