// What a node's writes may contain: its own Node, CSINode and Lease by name, events, and status. It may not change who
// owns an object (CVE-2025-5187), nor a claim's metadata.
import type { JsonObject } from '#api/json.ts';
import type { UserInfo } from '#api/request.ts';
import { forbidden } from '#api/status.ts';
import { nodeNameOf } from '../authorize.ts';
import type { Target } from '../registry/target.ts';
import { metadataOf } from '../registry/stored-form.ts';

/** The kinds of which a node may create the one that carries its name. */
const NAMED_AFTER_NODE = ['nodes', 'csinodes', 'leases'];

export function restrictNodeCreate(target: Target, user: UserInfo): void {
  const node = nodeNameOf(user);
  const { resource } = target.definition;
  if (node === undefined || !NAMED_AFTER_NODE.includes(resource.plural) || target.name === node) return;
  throw forbidden(resource, target.name, `node "${node}" may create only the one named "${node}"`);
}

export function restrictNodeUpdate(
  target: Target,
  object: JsonObject,
  old: JsonObject,
  user: UserInfo,
): void {
  const node = nodeNameOf(user);
  if (node === undefined) return;
  const { resource } = target.definition;
  const kept = resource.plural === 'persistentvolumeclaims' ? CLAIM_METADATA : ['ownerReferences'];
  const changed = kept.find((name) => !sameJson(metadataOf(object)[name], metadataOf(old)[name]));
  // A node that is new gives its CSINode and Lease the Node as owner, once; it may not take that away or change it.
  if (changed === undefined || (changed === 'ownerReferences' && isFirstOwner(target, old))) return;
  throw forbidden(resource, target.name, `node "${node}" is not allowed to change metadata.${changed}`);
}

const CLAIM_METADATA = ['ownerReferences', 'labels', 'annotations', 'finalizers'];

function isFirstOwner({ definition }: Target, old: JsonObject): boolean {
  const mayOwn = definition.resource.plural !== 'nodes';
  return mayOwn && metadataOf(old).ownerReferences === undefined;
}

function sameJson(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
