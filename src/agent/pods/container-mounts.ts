// The mounts and devices of one container: its published volumes (or a part of one), and its termination message file.
import type { Container, Pod, VolumeMount } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { Sparse } from '#runtime/cri-client.ts';
import type { Mount, MountPropagation } from '#runtime/generated/cri.ts';
import type { NodePaths } from '../paths.ts';
import { ContainerConfigError } from './environment.ts';
import { expandVariables } from './expand.ts';
import { prepareTerminationMessage } from './pod-directory.ts';
import { isAgentWritten } from './volume-events.ts';
import { bindSubPath, type SubPathDeps } from './sub-path.ts';

export interface MountsDeps extends SubPathDeps {
  readonly paths: NodePaths;
}

export interface MountsInput {
  readonly pod: Stored<Pod>;
  readonly container: Container;
  readonly attempt: number;
  /** Volume name to published path. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly environment: ReadonlyMap<string, string>;
}

const PROPAGATIONS: Readonly<Record<NonNullable<VolumeMount['mountPropagation']>, MountPropagation>> = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
};

function pathOf({ volumes }: MountsInput, name: string): string {
  const path = volumes.get(name);
  if (path === undefined) throw new ContainerConfigError(`volume "${name}" is not published`);
  return path;
}

/** Content that the agent writes is only read by containers (CVE-2017-1002102). */
function isReadOnly(pod: Pod, name: string): boolean {
  const volume = pod.spec?.volumes?.find((one) => one.name === name);
  return volume !== undefined && isAgentWritten(volume);
}

export async function containerMounts(
  deps: MountsDeps,
  input: MountsInput,
): Promise<readonly Sparse<Mount>[]> {
  const mounts: Sparse<Mount>[] = [];
  for (const [index, mount] of (input.container.volumeMounts ?? []).entries()) {
    mounts.push(await volumeMount(deps, input, { mount, index }));
  }
  return [...mounts, await terminationMount(deps, input)];
}

async function volumeMount(
  deps: MountsDeps,
  input: MountsInput,
  { mount, index }: { readonly mount: VolumeMount; readonly index: number },
): Promise<Sparse<Mount>> {
  const { pod, container } = input;
  const readonly = mount.readOnly === true || isReadOnly(pod, mount.name);
  const propagation = mount.mountPropagation ?? 'None';
  if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
    throw new ContainerConfigError(
      `volume mount "${mount.name}" asks for Bidirectional propagation: a privileged container is needed`,
    );
  }
  const root = pathOf(input, mount.name);
  const relative = subPathOf(mount, input.environment);
  const target = deps.paths.subPath(pod.metadata.uid, mount.name, container.name, index);
  const hostPath =
    relative === '' ? root : await bindSubPath(deps, { root, relative, target, readOnly: readonly });
  return { hostPath, containerPath: mount.mountPath, readonly, propagation: PROPAGATIONS[propagation] };
}

function subPathOf(mount: VolumeMount, environment: ReadonlyMap<string, string>): string {
  if (mount.subPath !== undefined && mount.subPath !== '') return mount.subPath;
  if (mount.subPathExpr === undefined) return '';
  return expandVariables(mount.subPathExpr, environment);
}

const DEFAULT_MESSAGE_PATH = '/dev/termination-log';

async function terminationMount(deps: MountsDeps, input: MountsInput): Promise<Sparse<Mount>> {
  const { pod, container, attempt } = input;
  const hostPath = deps.paths.terminationMessage(pod.metadata.uid, container.name, attempt);
  await prepareTerminationMessage(deps.tree, hostPath);
  const containerPath = container.terminationMessagePath ?? DEFAULT_MESSAGE_PATH;
  return { hostPath, containerPath, readonly: false, propagation: 'PROPAGATION_PRIVATE' };
}

/** Raw block volumes, as devices of the container. */
export function containerDevices(
  input: MountsInput,
): readonly { readonly hostPath: string; readonly containerPath: string }[] {
  return (input.container.volumeDevices ?? []).map(({ name, devicePath }) => ({
    hostPath: pathOf(input, name),
    containerPath: devicePath,
  }));
}
