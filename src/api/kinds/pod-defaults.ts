// The defaults of a pod, as Kubernetes fills them in before anything else looks at it.
import type { JsonObject, JsonValue } from '../json.ts';
import { editItems, editMember, editOrAdd, withDefaults, withMember } from './edit.ts';
import { own, rootOf } from './field.ts';
import { claimSpecDefaults } from './persistent-volume-claim.ts';

const DEFAULT_FILE_MODE = 0o644;
const TOKEN_SECONDS = 3600;

export function podDefaults(object: JsonObject): JsonObject {
  return editOrAdd(object, 'spec', podSpecDefaults);
}

export function podSpecDefaults(spec: JsonObject): JsonObject {
  const filled = withDefaults(withAccount(spec), {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
  });
  const volumes = editItems(filled, 'volumes', volumeDefaults);
  const onHost = own(spec, 'hostNetwork') === true;
  return ['containers', 'initContainers', 'ephemeralContainers'].reduce(
    (result, list) => editItems(result, list, (container) => containerDefaults(container, onHost)),
    volumes,
  );
}

/** `serviceAccount` is the old name of `serviceAccountName`; both are kept equal. */
function withAccount(spec: JsonObject): JsonObject {
  const name = own(spec, 'serviceAccountName') || own(spec, 'serviceAccount');
  return typeof name === 'string' && name !== ''
    ? { ...spec, serviceAccountName: name, serviceAccount: name }
    : spec;
}

function containerDefaults(container: JsonObject, onHost: boolean): JsonObject {
  const filled = withDefaults(container, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: pullPolicyOf(rootOf(container).child('image').text),
  });
  const requested = editMember(filled, 'resources', requestsFromLimits);
  const ported = editItems(requested, 'ports', (port) => portDefaults(port, onHost));
  const environment = editItems(ported, 'env', envDefaults);
  const hooked = editMember(environment, 'lifecycle', lifecycleDefaults);
  return ['livenessProbe', 'readinessProbe', 'startupProbe'].reduce(
    (result, name) => editMember(result, name, probeDefaults),
    hooked,
  );
}

/** `latest`, written or implied, is always pulled; a fixed tag or digest once. */
function pullPolicyOf(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

/** A limit without a request asks for as much as it allows. */
function requestsFromLimits(resources: JsonObject): JsonObject {
  const limits = rootOf(resources).child('limits').object;
  if (Object.keys(limits).length === 0) return resources;
  return editOrAdd(resources, 'requests', (requests) => withDefaults(requests, limits));
}

function portDefaults(port: JsonObject, onHost: boolean): JsonObject {
  const filled = withDefaults(port, { protocol: 'TCP' });
  const number = own(port, 'containerPort');
  return onHost && number !== undefined ? withDefaults(filled, { hostPort: number }) : filled;
}

function envDefaults(variable: JsonObject): JsonObject {
  return editMember(variable, 'valueFrom', fieldRefDefaults);
}

function fieldRefDefaults(holder: JsonObject): JsonObject {
  return editMember(holder, 'fieldRef', (ref) => withDefaults(ref, { apiVersion: 'v1' }));
}

function lifecycleDefaults(lifecycle: JsonObject): JsonObject {
  const edited = editMember(lifecycle, 'postStart', handlerDefaults);
  return editMember(edited, 'preStop', handlerDefaults);
}

function handlerDefaults(handler: JsonObject): JsonObject {
  return editMember(handler, 'httpGet', (get) => withDefaults(get, { path: '/', scheme: 'HTTP' }));
}

function probeDefaults(probe: JsonObject): JsonObject {
  const filled = withDefaults(handlerDefaults(probe), {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  return editMember(filled, 'grpc', (call) => withDefaults(call, { service: '' }));
}

function volumeDefaults(volume: JsonObject): JsonObject {
  const sources = Object.keys(volume).filter((name) => name !== 'name' && volume[name] !== undefined);
  if (sources.length === 0) return { ...volume, emptyDir: {} };
  let result = volume;
  for (const name of ['configMap', 'secret', 'projected', 'downwardAPI']) {
    result = editMember(result, name, (source) => withDefaults(source, { defaultMode: DEFAULT_FILE_MODE }));
  }
  result = editMember(result, 'downwardAPI', (source) => editItems(source, 'items', fieldRefDefaults));
  result = editMember(result, 'projected', (source) => editItems(source, 'sources', projectionDefaults));
  result = editMember(result, 'hostPath', (source) => withDefaults(source, { type: '' }));
  result = editMember(result, 'iscsi', (source) => withDefaults(source, { iscsiInterface: 'default' }));
  result = editMember(result, 'image', (source) =>
    withDefaults(source, { pullPolicy: pullPolicyOf(rootOf(source).child('reference').text) }),
  );
  return editMember(result, 'ephemeral', (source) =>
    editMember(source, 'volumeClaimTemplate', (template) => editMember(template, 'spec', claimSpecDefaults)),
  );
}

function projectionDefaults(projection: JsonObject): JsonObject {
  const token = editMember(projection, 'serviceAccountToken', (source) =>
    withDefaults(source, { expirationSeconds: TOKEN_SECONDS }),
  );
  return editMember(token, 'downwardAPI', (source) => editItems(source, 'items', fieldRefDefaults));
}

/** The initial status: Pending, with the quality of service its resources give it. */
export function initialPodStatus(object: JsonObject): JsonObject {
  const status: Record<string, JsonValue> = { phase: 'Pending', qosClass: qosClassOf(object) };
  return withMember(object, 'status', status);
}

/** Guaranteed: every container limits cpu and memory and requests just that. BestEffort: none asks for anything. */
export function qosClassOf(object: JsonObject): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const spec = rootOf(object).child('spec');
  const all = [...spec.child('containers').items, ...spec.child('initContainers').items];
  let asked = false;
  let guaranteed = all.length > 0;
  for (const container of all) {
    for (const name of ['cpu', 'memory']) {
      const request = container.at('resources', 'requests').key(name).text;
      const limit = container.at('resources', 'limits').key(name).text;
      asked ||= isSet(request) || isSet(limit);
      guaranteed &&= isSet(limit) && request === limit;
    }
  }
  if (!asked) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function isSet(quantity: string): boolean {
  return quantity !== '' && quantity !== '0';
}
