// How the provisioner's intents say what they copy from, so that whoever deletes a snapshot can see that a volume is
// still being made of it. Names and well-known strings of that protection.
import { sha256Hex } from '#base/sha256.ts';

/** Label on an intent (a ConfigMap of the control plane): what its volume is copied from. */
export const CONTENT_SOURCE_LABEL = 'holdfast.dev/content-source';
/** Keeps a claim while another one is being cloned from it. */
export const CLONING_PROTECTION_FINALIZER = 'provisioner.storage.kubernetes.io/cloning-protection';
/** On a snapshot content: a volume of the other mode may be made from it. */
export const ALLOW_MODE_CHANGE = 'snapshot.storage.kubernetes.io/allow-volume-mode-change';

/** The label's value: a label cannot hold a handle, so it holds its hash. */
export function contentSourceValue(source: {
  readonly driver: string;
  readonly kind: 'snapshot' | 'volume';
  readonly handle: string;
}): string {
  return sha256Hex(`${source.driver}\u0000${source.kind}\u0000${source.handle}`).slice(0, 40);
}
