// Pods of the sandbox: a process that holds IPC and UTS namespaces, and a record. Rules SBX20, SBX40 to SBX43.
import { GrpcError } from '#transport/grpc.ts';
import type { PodSandboxConfig } from '../generated/cri.ts';
import { checkPod, POD_MARK, podCommand } from './launch.ts';
import type { PodRecord, RecordStore } from './records.ts';
import type { SandboxDeps } from './sandbox-deps.ts';

const END_WAIT_MS = 10_000;
// What sethostname(2) takes; Kubernetes cuts a pod's name to the same length.
const MAX_HOSTNAME = 63;

export class Pods {
  readonly #deps: SandboxDeps;
  readonly #records: RecordStore;
  readonly #pods = new Map<string, PodRecord>();

  constructor(deps: SandboxDeps, records: RecordStore) {
    this.#deps = deps;
    this.#records = records;
  }

  all(): readonly PodRecord[] {
    return [...this.#pods.values()];
  }

  /** By id or by a beginning of one that is long enough to be meant. */
  find(id: string): PodRecord | undefined {
    return this.#pods.get(id);
  }

  get(id: string): PodRecord {
    const record = this.find(id);
    if (record === undefined) throw new GrpcError('NOT_FOUND', `Cannot find pod sandbox "${id}"`);
    return record;
  }

  isReady(record: PodRecord): boolean {
    return !record.isStopped && record.process !== undefined && this.#deps.processes.isAlive(record.process);
  }

  async run(config: PodSandboxConfig, runtimeHandler: string): Promise<PodRecord> {
    if (config.metadata === null) {
      throw new GrpcError(
        'INVALID_ARGUMENT',
        'Cannot run a pod sandbox: metadata is missing: name, uid, namespace',
      );
    }
    checkPod(config);
    const { clock, processes, random } = this.#deps;
    const id = `${random.uuid()}${random.uuid()}`.replaceAll('-', '');
    const intent: PodRecord = {
      id,
      metadata: config.metadata,
      hostname: (config.hostname === '' ? config.metadata.name : config.hostname).slice(0, MAX_HOSTNAME),
      logDirectory: config.logDirectory,
      dns: config.dnsConfig ?? undefined,
      labels: config.labels,
      annotations: config.annotations,
      runtimeHandler,
      createdAtMs: clock.now(),
      process: undefined,
      isStopped: false,
    };
    await this.#records.savePod(intent);
    try {
      const process = await processes.startPod({ hostname: intent.hostname, command: podCommand(id) });
      const record = { ...intent, process };
      await this.#records.savePod(record);
      this.#pods.set(id, record);
      return record;
    } catch (error) {
      await this.#endUnrecorded(intent);
      await this.#records.removePod(id);
      throw error;
    }
  }

  /** Ends the pod's process. Its containers have been ended before. */
  async stop(record: PodRecord): Promise<void> {
    const { processes } = this.#deps;
    if (record.process !== undefined) {
      processes.signal(record.process, 'SIGKILL');
      const end = await processes.waitEnd(record.process, END_WAIT_MS);
      if (end.kind === 'running') {
        throw new GrpcError(
          'DEADLINE_EXCEEDED',
          `Cannot stop pod sandbox "${record.id}": its process does not end`,
        );
      }
    }
    if (record.isStopped) return;
    const stopped = { ...record, isStopped: true };
    await this.#records.savePod(stopped);
    this.#pods.set(record.id, stopped);
  }

  async remove(record: PodRecord): Promise<void> {
    await this.#records.removePod(record.id);
    this.#pods.delete(record.id);
  }

  /** Takes up what an earlier sandbox process recorded. */
  async adopt(records: readonly PodRecord[]): Promise<void> {
    for (const record of records) {
      if (record.process === undefined) {
        // OBSERVED: killed between the intent and the record of its process. The caller never got the id.
        await this.#endUnrecorded(record);
        await this.#records.removePod(record.id);
      } else {
        this.#pods.set(record.id, record);
      }
    }
  }

  async #endUnrecorded(record: PodRecord): Promise<void> {
    for (const process of this.#deps.processes.findMarked(POD_MARK, record.id)) {
      this.#deps.processes.signal(process, 'SIGKILL');
      await this.#deps.processes.waitEnd(process, END_WAIT_MS);
    }
  }
}
