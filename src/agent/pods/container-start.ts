// Starting one container run: its image, environment, mounts, then create and start. A failure becomes the waiting
// reason that `kubectl get pod` shows, as the kubelet names it.
import type { Container, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, secrets } from '#api/resources.ts';
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { ApiClient } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import type { EventRecorder } from '#client/events.ts';
import type { PodRuntimeClient } from '../runtime/pod-runtime.ts';
import { configMapKeys, secretKeys } from '../world/object-keys.ts';
import { podLogDirectory } from '../paths.ts';
import { containerConfig, identityOfPod, sandboxConfig } from './container-config.ts';
import { formatMilliseconds, tellContainer } from './container-events.ts';
import { containerDevices, containerMounts, type MountsDeps } from './container-mounts.ts';
import { ContainerConfigError, environmentOf, type KeyReader } from './environment.ts';
import type { SandboxRun } from './runtime-state.ts';
import type { Waiting } from './status.ts';

export interface ContainerStartDeps extends MountsDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly runtime: PodRuntimeClient;
  readonly logsRoot: string;
  readonly agentId: string;
  /** False: the runtime runs containers without their images. */
  readonly usesImages: boolean;
  readonly hostIp: string;
}

export interface StartRequest {
  readonly pod: Stored<Pod>;
  readonly container: Container;
  readonly attempt: number;
  readonly sandbox: SandboxRun;
  readonly volumes: ReadonlyMap<string, string>;
}

/** A container that could not be started; `waiting` is what its status says. */
export class ContainerStartError extends Error {
  override readonly name = 'ContainerStartError';
  readonly waiting: Waiting;
  constructor(reason: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.waiting = { reason, message: messageOf(cause) };
  }
}

async function named<T>(reason: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    // An API server that is away is no property of the container.
    if (error instanceof ApiError || error instanceof ContainerStartError) throw error;
    throw new ContainerStartError(
      error instanceof ContainerConfigError ? 'CreateContainerConfigError' : reason,
      error,
    );
  }
}

export async function startContainer(deps: ContainerStartDeps, request: StartRequest): Promise<void> {
  const { events, runtime, logsRoot, agentId } = deps;
  const { pod, container, sandbox } = request;
  const { name } = container;
  const imageRef = await ensureImage(deps, request);
  const sandboxOptions = sandboxConfig(pod, { attempt: sandbox.attempt, logsRoot, agentId });
  const id = await named('CreateContainerError', async () => {
    const logs = `${podLogDirectory(logsRoot, identityOfPod(pod))}/${container.name}`;
    await deps.tree.makeDirectory(logs, 0o755);
    const config = await configOf(deps, request, imageRef);
    return runtime.createContainer(sandbox.id, config, sandboxOptions);
  });
  tellContainer(events, pod, { name, type: 'Normal', reason: 'Created', message: 'Container created' });
  await named('RunContainerError', () => runtime.startContainer(id));
  tellContainer(events, pod, { name, type: 'Normal', reason: 'Started', message: 'Container started' });
}

async function configOf(
  deps: ContainerStartDeps,
  request: StartRequest,
  imageRef: string,
): Promise<ReturnType<typeof containerConfig>> {
  const { pod, container, attempt, sandbox, volumes } = request;
  const podIp = sandbox.ip === '' && pod.spec?.hostNetwork === true ? deps.hostIp : sandbox.ip;
  const readKeys = keyReader(deps.api, pod.metadata.namespace ?? '');
  const environment = await environmentOf({ pod, container, podIp, hostIp: deps.hostIp, readKeys });
  const input = { pod, container, attempt, volumes, environment, agentId: deps.agentId };
  const mounts = await containerMounts(deps, input);
  return containerConfig({ ...input, imageRef, mounts, devices: containerDevices(input) });
}

function keyReader(api: ApiClient, namespace: string): KeyReader {
  return async (kind, name) => {
    if (kind === 'ConfigMap') {
      const found = await api.find(configMaps, { namespace, name });
      return found && configMapKeys(found);
    }
    const found = await api.find(secrets, { namespace, name });
    return found && secretKeys(found);
  };
}

/** The image as the runtime calls it, pulled when the policy says so. */
async function ensureImage(deps: ContainerStartDeps, { pod, container }: StartRequest): Promise<string> {
  const { runtime, events } = deps;
  const { name, image = '', imagePullPolicy: policy = 'IfNotPresent' } = container;
  if (!deps.usesImages) {
    const message = `The sandbox runtime does not use images: "${image}" was neither pulled nor run`;
    tellContainer(events, pod, { name, type: 'Normal', reason: 'ImageNotUsed', message });
    return image;
  }
  const present =
    policy === 'Always' ? undefined : await named('ImageInspectError', () => runtime.findImage(image));
  if (present !== undefined) {
    const message = `Container image "${image}" already present on machine and can be accessed by the pod`;
    tellContainer(events, pod, { name, type: 'Normal', reason: 'Pulled', message });
    return present.id === '' ? image : present.id;
  }
  if (policy === 'Never') {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    throw new ContainerStartError('ErrImageNeverPull', new Error(message));
  }
  tellContainer(events, pod, {
    name,
    type: 'Normal',
    reason: 'Pulling',
    message: `Pulling image "${image}"`,
  });
  const began = deps.clock.elapsed();
  const pulled = await named('ErrImagePull', () => runtime.pullImage(image));
  const took = formatMilliseconds(deps.clock.elapsed() - began);
  const bytes = (await runtime.findImage(image).catch(() => undefined))?.bytes ?? '0';
  const message = `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${bytes} bytes.`;
  tellContainer(events, pod, { name, type: 'Normal', reason: 'Pulled', message });
  return pulled === '' ? image : pulled;
}
