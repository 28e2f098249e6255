// The intent: what is stored before CreateVolume, so that any crash can be replayed with the same arguments (I-13,
// I-14). A ConfigMap in Holdfast's own namespace: no tenant can forge or strip it, and claims never wait for it.
import type { ConfigMap } from '#api/generated/core-v1.ts';
import { isJsonObject } from '#api/json.ts';
import type { Stored } from '#api/object.ts';
import type { Sparse } from '#csi/client.ts';
import type { CreateVolumeRequest } from '#csi/generated/csi.ts';
import { CONTENT_SOURCE_LABEL, contentSourceValue } from '#rules/content-source.ts';
import type { SecretReference, SecretUse } from './class-parameters.ts';
import type { ClonedClaim } from './content-source.ts';

export const INTENT_NAMESPACE = 'holdfast-system';
/** Label that marks an intent and names its driver. */
export const INTENT_LABEL = 'holdfast.dev/provisioning-driver';

/** Everything the PersistentVolume takes from the claim and its class, fixed when the intent is written. */
export interface VolumePlan {
  readonly claimName: string;
  readonly claimNamespace: string;
  readonly claimUid: string;
  readonly className: string;
  readonly classUid: string;
  readonly accessModes: readonly string[];
  readonly volumeMode: string;
  readonly fsType: string | null;
  readonly reclaimPolicy: string;
  readonly mountOptions: readonly string[];
  readonly requestedBytes: string;
  /** Empty for a claim without a selected node. */
  readonly node: string;
  readonly secrets: Readonly<Partial<Record<SecretUse, SecretReference>>>;
  /** Name of the VolumeAttributesClass whose parameters the request has. */
  readonly attributesClass?: string;
  /** The claim that the volume is cloned from. */
  readonly cloneOf?: ClonedClaim;
}

export interface Intent {
  /** `pvc-<claim uid>`: the ConfigMap's, the CSI volume's and the PersistentVolume's name. */
  readonly name: string;
  readonly driver: string;
  /** `creating`: CreateVolume has perhaps been called. `deleting`: DeleteVolume of `handle` has perhaps been called. */
  readonly phase: 'creating' | 'deleting';
  readonly handle: string;
  readonly plan: VolumePlan;
  /** Without secrets. */
  readonly request: Sparse<CreateVolumeRequest>;
}

/** The name a claim's volume, PersistentVolume and intent share. */
export function volumeNameOf(claimUid: string): string {
  return `pvc-${claimUid}`;
}

/** The ConfigMap to create for an intent. */
export function encodeIntent(intent: Intent): ConfigMap {
  return {
    metadata: {
      name: intent.name,
      namespace: INTENT_NAMESPACE,
      labels: { [INTENT_LABEL]: intent.driver, ...contentLabel(intent) },
    },
    data: {
      phase: intent.phase,
      handle: intent.handle,
      plan: JSON.stringify(intent.plan),
      request: JSON.stringify(intent.request),
    },
  };
}

/** PRV46: what the volume is copied from, for those who would delete that. */
function contentLabel({ driver, request }: Intent): Readonly<Record<string, string>> {
  const { snapshot, volume } = request.volumeContentSource ?? {};
  const handle = snapshot?.snapshotId ?? volume?.volumeId;
  if (handle === undefined) return {};
  const kind = snapshot === undefined ? 'volume' : 'snapshot';
  return { [CONTENT_SOURCE_LABEL]: contentSourceValue({ driver, kind, handle }) };
}

/** Reads an intent back; undefined when the ConfigMap is not one (another label, or text that we did not write). */
export function decodeIntent(configMap: Stored<ConfigMap>): Intent | undefined {
  const driver = configMap.metadata.labels?.[INTENT_LABEL];
  const fields = configMap.data ?? {};
  if (driver === undefined) return undefined;
  const plan = parse<VolumePlan>(fields['plan']);
  const request = parse<Sparse<CreateVolumeRequest>>(fields['request']);
  if (plan === undefined || request === undefined) return undefined;
  if (volumeNameOf(plan.claimUid) !== configMap.metadata.name) return undefined;
  return {
    name: configMap.metadata.name,
    driver,
    phase: fields['phase'] === 'deleting' ? 'deleting' : 'creating',
    handle: fields['handle'] ?? '',
    plan,
    request,
  };
}

// The namespace is writable by the control plane alone, so what parses is what encodeIntent wrote.
function parse<T extends object>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? (value as unknown as T) : undefined;
  } catch {
    return undefined;
  }
}
