// Authorization: deny by default. Administrators and the control plane may do everything; a node may do what this
// table says and only to what is its own (security 1.4); anyone else with a certificate may read discovery. Pure, given
// the newest state. What a node's write may contain is node-restriction's part.
import { isJsonObject } from '#api/json.ts';
import type { UserInfo } from '#api/request.ts';
import type { AdmissionView } from './admit/admission-rule.ts';
import { nodeNeeds, type ReferenceKind } from './node-references.ts';
import type { ResourceRoute, Verb } from './router.ts';
import { nodeOf } from './watch-cache/object-selector.ts';
import type { StoredObject } from './watch-cache/stored-object.ts';

const ALL_POWERFUL = ['system:masters', 'holdfast:control-plane'];
const NODES_GROUP = 'system:nodes';
const NODE_PREFIX = 'system:node:';
const LEASE_NAMESPACE = 'kube-node-lease';
/** Where the control plane keeps its intents. */
const OWN_NAMESPACE = 'holdfast-system';

export interface AuthorizerView extends AdmissionView {
  /** The newest stored object a route names, if there is one. */
  find(route: ResourceRoute): StoredObject | undefined;
}

export type Authorizer = (user: UserInfo, route: ResourceRoute, view: AuthorizerView) => boolean;

/** True for members of the two groups that may do everything. */
export function isAllPowerful(user: UserInfo): boolean {
  return user.groups.some((group) => ALL_POWERFUL.includes(group));
}

/** The node that `user` is; undefined for anyone else, and for a member of the group without a node's name. */
export function nodeNameOf(user: UserInfo | undefined): string | undefined {
  if (user === undefined || !user.groups.includes(NODES_GROUP)) return undefined;
  if (!user.name.startsWith(NODE_PREFIX) || user.name.length === NODE_PREFIX.length) return undefined;
  return user.name.slice(NODE_PREFIX.length);
}

/** The authorizer that Holdfast starts with. */
export const authorize: Authorizer = (user, route, view) => {
  if (isAllPowerful(user)) return true;
  const node = nodeNameOf(user);
  return node !== undefined && nodeMay(node, route, view);
};

interface NodeQuestion {
  readonly node: string;
  readonly route: ResourceRoute;
  readonly view: AuthorizerView;
}

type NodeRule = (question: NodeQuestion) => boolean;

const always: NodeRule = () => true;
const ownName: NodeRule = ({ node, route }) => route.name === node;
/** A single name in the URL, or a list and watch narrowed to it. */
const ownNameOrSelected: NodeRule = ({ node, route }) =>
  route.name === node || (route.name === undefined && selects(route, 'metadata.name', node));
const ownPods: NodeRule = ({ node, route }) => selects(route, 'spec.nodeName', node);
/** The pod must be bound to the node; one that has gone already is answered with its 404. */
const ownPod: NodeRule = ({ node, route, view }) => {
  const pod = view.find(route);
  return pod === undefined || nodeOf(pod) === node;
};
const ownLease: NodeRule = (question) => question.route.namespace === LEASE_NAMESPACE && ownName(question);
const leaseNamespace: NodeRule = ({ route }) => route.namespace === LEASE_NAMESPACE;
const needed =
  (kind: ReferenceKind): NodeRule =>
  ({ node, route, view }) => {
    const { namespace = '', name = '' } = route;
    return namespace !== OWN_NAMESPACE && nodeNeeds(view, node, { kind, namespace, name });
  };
const ownAttachment: NodeRule = ({ node, route, view }) => {
  const spec = view.find(route)?.object.spec;
  return spec === undefined || (isJsonObject(spec) && spec.nodeName === node);
};
const notOurNamespace: NodeRule = ({ route }) => route.namespace !== OWN_NAMESPACE;

/** `<group>/<plural>[/<subresource>]` to the verbs a node has there. */
const NODE_RULES: Readonly<Record<string, Partial<Record<Verb, NodeRule>>>> = {
  '/nodes': {
    get: always,
    list: ownNameOrSelected,
    watch: ownNameOrSelected,
    create: always,
    update: ownName,
    patch: ownName,
  },
  '/nodes/status': { get: ownName, update: ownName, patch: ownName },
  '/pods': { get: ownPod, list: ownPods, watch: ownPods, delete: ownPod },
  '/pods/status': { get: ownPod, update: ownPod, patch: ownPod },
  '/secrets': { get: needed('secret') },
  '/configmaps': { get: needed('configMap') },
  '/serviceaccounts': { get: always },
  '/persistentvolumeclaims': { get: always },
  '/persistentvolumeclaims/status': { get: always, update: always, patch: always },
  '/persistentvolumes': { get: always },
  '/events': { create: notOurNamespace, update: notOurNamespace, patch: notOurNamespace },
  'coordination.k8s.io/leases': {
    get: ownLease,
    create: leaseNamespace,
    update: ownLease,
    patch: ownLease,
    delete: ownLease,
  },
  'storage.k8s.io/csinodes': {
    get: ownName,
    list: ownNameOrSelected,
    watch: ownNameOrSelected,
    create: always,
    update: ownName,
    patch: ownName,
    delete: ownName,
  },
  'storage.k8s.io/volumeattachments': { get: ownAttachment },
  'storage.k8s.io/csidrivers': { get: always, list: always, watch: always },
  'storage.k8s.io/storageclasses': { get: always },
};

function nodeMay(node: string, route: ResourceRoute, view: AuthorizerView): boolean {
  const { group, plural } = route.definition.resource;
  const path = `${group}/${plural}${route.subresource === undefined ? '' : `/${route.subresource}`}`;
  const rules = Object.hasOwn(NODE_RULES, path) ? NODE_RULES[path] : undefined;
  return rules?.[route.verb]?.({ node, route, view }) ?? false;
}

/** True when the field selector holds the list or watch to `value`. */
function selects({ query }: ResourceRoute, field: string, value: string): boolean {
  return (query.get('fieldSelector') ?? '').split(',').some((term) => {
    const match = /^([^=!]+)==?([^=]+)$/.exec(term.trim());
    return match?.[1] === field && match[2] === value;
  });
}
