// What the sandbox remembers of pods and containers: one synced JSON file each, written before the effect that it
// names (law 2), so that a sandbox process that was killed finds everything that runs. Rules SBX40 to SBX44.
import type { Files } from '#files/files.ts';
import type {
  ContainerMetadata,
  Device,
  DNSConfig,
  ImageSpec,
  Mount,
  PodSandboxMetadata,
  Signal,
} from '../generated/cri.ts';
import type { Command, ProcessIdentity, UserIdentity } from './processes.ts';

export type StringMap = Readonly<Record<string, string>>;

export interface PodRecord {
  readonly id: string;
  readonly metadata: PodSandboxMetadata;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns: DNSConfig | undefined;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly runtimeHandler: string;
  readonly createdAtMs: number;
  /** Undefined until its process has been started. */
  readonly process: ProcessIdentity | undefined;
  readonly isStopped: boolean;
}

/** What is run and in which surroundings, decided when the container is created. */
export interface ContainerPlan {
  /** Runs below the container's init. */
  readonly command: Command;
  readonly user: UserIdentity;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly readonlyRootfs: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stopSignal: Signal;
}

/** `starting`: the process may exist although its id is not recorded. */
export type ContainerPhase =
  | { readonly kind: 'created' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly init: ProcessIdentity; readonly startedAtMs: number }
  | {
      readonly kind: 'exited';
      readonly startedAtMs: number;
      readonly finishedAtMs: number;
      readonly exitCode: number;
      readonly reason: string;
      readonly message: string;
    };

export interface ContainerRecord {
  readonly id: string;
  readonly podId: string;
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  /** Absolute. Empty: no log is kept. */
  readonly logPath: string;
  readonly createdAtMs: number;
  readonly plan: ContainerPlan;
  readonly phase: ContainerPhase;
}

export interface RecordStore {
  savePod(record: PodRecord): Promise<void>;
  saveContainer(record: ContainerRecord): Promise<void>;
  removePod(id: string): Promise<void>;
  removeContainer(id: string): Promise<void>;
  load(): Promise<{ readonly pods: readonly PodRecord[]; readonly containers: readonly ContainerRecord[] }>;
}

const RECORD_NAME = /^[0-9a-f]{64}\.json$/;

/** Keeps records below `directory`; `onDamaged` hears of files that hold no record (they are left). */
export function fileRecords(files: Files, directory: string, onDamaged: (path: string) => void): RecordStore {
  const pods = `${directory}/pods`;
  const containers = `${directory}/containers`;
  const save = (folder: string, record: { readonly id: string }): Promise<void> =>
    files.write(`${folder}/${record.id}.json`, Buffer.from(JSON.stringify(record)));
  const loadAll = async <R extends { readonly id: string }>(folder: string): Promise<readonly R[]> => {
    const records: R[] = [];
    for (const name of await files.list(folder)) {
      if (!RECORD_NAME.test(name)) continue;
      const record = parseRecord<R>(await files.read(`${folder}/${name}`), name);
      if (record === undefined) onDamaged(`${folder}/${name}`);
      else records.push(record);
    }
    return records;
  };
  return {
    savePod: (record) => save(pods, record),
    saveContainer: (record) => save(containers, record),
    removePod: (id) => files.remove(`${pods}/${id}.json`),
    removeContainer: (id) => files.remove(`${containers}/${id}.json`),
    async load() {
      await files.makeDirectory(pods);
      await files.makeDirectory(containers);
      return { pods: await loadAll<PodRecord>(pods), containers: await loadAll<ContainerRecord>(containers) };
    },
  };
}

// Only this module writes these files, each write whole or not at all; what is checked is that it is one of ours.
function parseRecord<R extends { readonly id: string }>(
  bytes: Uint8Array | undefined,
  name: string,
): R | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString());
    const isOurs =
      typeof value === 'object' &&
      value !== null &&
      'id' in value &&
      value.id === name.slice(0, -'.json'.length);
    return isOurs ? (value as R) : undefined;
  } catch {
    return undefined;
  }
}
