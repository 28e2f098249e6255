// The agent's use of the container runtime: pods and containers found by their labels, and the few steps that change
// them. Every call has a deadline; stopping and creating may take long, looking may not.
import type { CriRuntime, Sparse } from '#runtime/cri-client.ts';
import type {
  Container,
  ContainerConfig,
  ContainerStatus,
  PodSandbox,
  PodSandboxConfig,
} from '#runtime/generated/cri.ts';
import { AGENT, CONTAINER_NAME, POD_UID } from '../pods/labels.ts';
import type { ContainerRun, PodRuntime, SandboxRun } from '../pods/runtime-state.ts';

const LOOK = { timeoutMs: 10_000 };
/** Sandbox and container creation may wait for a network plugin or a slow disk: the kubelet's two minutes. */
const CHANGE = { timeoutMs: 120_000 };
/** An image pull; progress is the runtime's. */
const PULL = { timeoutMs: 600_000 };

const STATES: Readonly<Record<ContainerStatus['state'], ContainerRun['state']>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
};

/** The kubelet keeps as much of what a probe prints. */
const MAX_PROBE_OUTPUT = 10_240;

/** CRI times are nanoseconds; 0 when it has not happened. */
function milliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds === '' ? '0' : nanoseconds) / 1_000_000n);
}

export interface RuntimeListing {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

export class PodRuntimeClient {
  readonly #cri: CriRuntime;
  readonly agentId: string;

  /** Sees only pods that carry `agentId`. */
  constructor(cri: CriRuntime, agentId: string) {
    this.#cri = cri;
    this.agentId = agentId;
  }

  get cri(): CriRuntime {
    return this.#cri;
  }

  /** Everything of ours that the runtime has, for the periodic look. */
  async list(): Promise<RuntimeListing> {
    const filter = { labelSelector: { [AGENT]: this.agentId } };
    const [{ items }, { containers }] = await Promise.all([
      this.#cri.runtime.listPodSandbox({ filter }, LOOK),
      this.#cri.runtime.listContainers({ filter }, LOOK),
    ]);
    return { sandboxes: items, containers };
  }

  /** One pod, newest sandbox and newest runs first. */
  async observe(podUid: string): Promise<PodRuntime> {
    const filter = { labelSelector: { [AGENT]: this.agentId, [POD_UID]: podUid } };
    const [{ items }, { containers }] = await Promise.all([
      this.#cri.runtime.listPodSandbox({ filter }, LOOK),
      this.#cri.runtime.listContainers({ filter }, LOOK),
    ]);
    const [sandboxes, runs] = await Promise.all([
      Promise.all(items.map((sandbox) => this.#sandbox(sandbox))),
      Promise.all(containers.map((container) => this.#run(container))),
    ]);
    return {
      sandboxes: sandboxes.sort((a, b) => b.attempt - a.attempt),
      runs: runs.filter((run) => run !== undefined).sort((a, b) => b.attempt - a.attempt),
    };
  }

  async #sandbox(sandbox: PodSandbox): Promise<SandboxRun> {
    const isReady = sandbox.state === 'SANDBOX_READY';
    const status = isReady
      ? await this.#cri.runtime.podSandboxStatus({ podSandboxId: sandbox.id }, LOOK)
      : undefined;
    const { id, metadata } = sandbox;
    return { id, attempt: metadata?.attempt ?? 0, isReady, ip: status?.status?.network?.ip ?? '' };
  }

  async #run(container: Container): Promise<ContainerRun | undefined> {
    const { status } = await this.#cri.runtime.containerStatus({ containerId: container.id }, LOOK);
    if (status === null) return undefined;
    return {
      id: status.id,
      name: status.labels[CONTAINER_NAME] ?? status.metadata?.name ?? '',
      attempt: status.metadata?.attempt ?? 0,
      sandboxId: container.podSandboxId,
      state: STATES[status.state],
      startedAt: milliseconds(status.startedAt),
      finishedAt: milliseconds(status.finishedAt),
      exitCode: status.exitCode,
      reason: status.reason,
      message: status.message,
      imageRef: status.imageRef,
      imageId: status.imageId === '' ? status.imageRef : status.imageId,
    };
  }

  async runSandbox(config: Sparse<PodSandboxConfig>): Promise<void> {
    await this.#cri.runtime.runPodSandbox({ config }, CHANGE);
  }

  async stopSandbox(id: string): Promise<void> {
    await this.#cri.runtime.stopPodSandbox({ podSandboxId: id }, CHANGE);
  }

  createContainer(
    sandboxId: string,
    config: Sparse<ContainerConfig>,
    sandbox: Sparse<PodSandboxConfig>,
  ): Promise<string> {
    return this.#cri.runtime
      .createContainer({ podSandboxId: sandboxId, config, sandboxConfig: sandbox }, CHANGE)
      .then(({ containerId }) => containerId);
  }

  async startContainer(id: string): Promise<void> {
    await this.#cri.runtime.startContainer({ containerId: id }, CHANGE);
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const timeoutMs = graceSeconds * 1000 + CHANGE.timeoutMs;
    await this.#cri.runtime.stopContainer({ containerId: id, timeout: String(graceSeconds) }, { timeoutMs });
  }

  /** Runs a command in a container to its end; a deadline that passes rejects. */
  async execSync(
    id: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    const timeout = String(Math.ceil(timeoutMs / 1000));
    const request = { containerId: id, cmd: command, timeout };
    const answer = await this.#cri.runtime.execSync(request, { timeoutMs: timeoutMs + LOOK.timeoutMs });
    const output = Buffer.concat([answer.stdout, answer.stderr]).subarray(0, MAX_PROBE_OUTPUT);
    return { exitCode: answer.exitCode, output: output.toString() };
  }

  async removeContainer(id: string): Promise<void> {
    await this.#cri.runtime.removeContainer({ containerId: id }, CHANGE);
  }

  /** Removes what is left of a pod whose sandbox has stopped. */
  async removePod({ sandboxes, runs }: PodRuntime): Promise<void> {
    for (const run of runs) await this.removeContainer(run.id);
    for (const sandbox of sandboxes) {
      await this.stopSandbox(sandbox.id);
      await this.#cri.runtime.removePodSandbox({ podSandboxId: sandbox.id }, CHANGE);
    }
  }

  /** The runtime's reference of an image that it has and its size; undefined when it has not. */
  async findImage(image: string): Promise<{ readonly id: string; readonly bytes: string } | undefined> {
    const { image: found } = await this.#cri.images.imageStatus({ image: { image } }, LOOK);
    return found === null ? undefined : { id: found.id, bytes: found.size };
  }

  async pullImage(image: string): Promise<string> {
    const { imageRef } = await this.#cri.images.pullImage({ image: { image } }, PULL);
    return imageRef;
  }

  /** Name and version for the Node object. */
  async version(): Promise<{ readonly name: string; readonly version: string }> {
    const { runtimeName, runtimeVersion } = await this.#cri.runtime.version({ version: 'v1' }, LOOK);
    return { name: runtimeName, version: runtimeVersion };
  }
}
