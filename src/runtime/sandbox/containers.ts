// Containers of the sandbox: created, started, ended, removed; every step is recorded before it is made or as soon
// as it is known. Rules SBX21 to SBX44.
import { assert } from '#base/assert.ts';
import { messageOf } from '#base/errors.ts';
import { GrpcError } from '#transport/grpc.ts';
import type { ContainerConfig, ContainerEventType } from '../generated/cri.ts';
import { ContainerRun, type RunEnd } from './container-run.ts';
import { InTurn } from './in-turn.ts';
import { CONTAINER_MARK, environmentScript, initArguments, planContainer } from './launch.ts';
import { planMounts } from './mount-plan.ts';
import type { ContainerLaunch, PipePaths } from './processes.ts';
import type { ContainerPhase, ContainerRecord, PodRecord, RecordStore } from './records.ts';
import type { SandboxDeps } from './sandbox-deps.ts';

const END_WAIT_MS = 10_000;
const KILLED_EXIT_CODE = 137;
const START_FAILED_EXIT_CODE = 128;

export type ContainerListener = (record: ContainerRecord, event: ContainerEventType) => void;

interface Entry {
  record: ContainerRecord;
  run: ContainerRun | undefined;
  /** Resolves when the end of the run has been recorded. */
  recorded: Promise<void>;
}

export class Containers {
  readonly #deps: SandboxDeps;
  readonly #records: RecordStore;
  readonly #changed: ContainerListener;
  readonly #entries = new Map<string, Entry>();
  readonly #inTurn = new InTurn();

  constructor(deps: SandboxDeps, records: RecordStore, changed: ContainerListener) {
    this.#deps = deps;
    this.#records = records;
    this.#changed = changed;
  }

  all(): readonly ContainerRecord[] {
    return [...this.#entries.values()].map((entry) => entry.record);
  }

  ofPod(podId: string): readonly ContainerRecord[] {
    return this.all().filter((record) => record.podId === podId);
  }

  find(id: string): ContainerRecord | undefined {
    return this.#entries.get(id)?.record;
  }

  get(id: string): ContainerRecord {
    return this.#entry(id).record;
  }

  /** The run of a container that is running, for exec and attach. */
  running(id: string): ContainerRun {
    const { run, record } = this.#entry(id);
    if (run === undefined || record.phase.kind !== 'running') {
      throw new GrpcError(
        'FAILED_PRECONDITION',
        `Container "${id}" is ${record.phase.kind}: it must be running`,
      );
    }
    return run;
  }

  /** Writes to a container's standard input; a container without one takes nothing. */
  async writeInput(id: string, bytes: Uint8Array): Promise<void> {
    const { input } = this.#pipes(this.get(id));
    if (input !== undefined) await this.#deps.processes.writePipe(input, bytes);
  }

  async create(pod: PodRecord, config: ContainerConfig): Promise<ContainerRecord> {
    const { clock, files, processes, random } = this.#deps;
    const plan = planContainer({
      config,
      hostname: pod.hostname,
      lookUpUser: (name) => processes.lookUpUser(name),
    });
    const id = `${random.uuid()}${random.uuid()}`.replaceAll('-', '');
    const record: ContainerRecord = {
      id,
      podId: pod.id,
      metadata: config.metadata ?? { name: '', attempt: 0 },
      image: config.image ?? EMPTY_IMAGE,
      labels: config.labels,
      annotations: config.annotations,
      logPath: config.logPath === '' ? '' : joinPath(pod.logDirectory, config.logPath),
      createdAtMs: clock.now(),
      plan,
      phase: { kind: 'created' },
    };
    await this.#records.saveContainer(record);
    const directory = this.#directory(id);
    await files.makeDirectory(directory);
    for (const path of Object.values(this.#pipes(record))) if (path !== undefined) processes.makePipe(path);
    this.#entries.set(id, { record, run: undefined, recorded: Promise.resolve() });
    this.#changed(record, 'CONTAINER_CREATED_EVENT');
    return record;
  }

  start(id: string, pod: PodRecord): Promise<void> {
    return this.#inTurn.run(id, async () => {
      const entry = this.#entry(id);
      if (entry.record.phase.kind !== 'created') {
        throw new GrpcError(
          'FAILED_PRECONDITION',
          `Cannot start container "${id}": it is ${entry.record.phase.kind}: a container starts once`,
        );
      }
      const launch = this.#launch(entry.record, pod);
      await this.#enter(entry, { kind: 'starting' });
      const startedAtMs = this.#deps.clock.now();
      try {
        entry.run = await ContainerRun.start(this.#deps, launch, entry.record.logPath);
      } catch (error) {
        await this.#failStart(entry, startedAtMs, messageOf(error));
      }
      assert(entry.run !== undefined, 'a failed start has thrown');
      await this.#enter(entry, { kind: 'running', init: entry.run.init, startedAtMs });
      this.#follow(entry, entry.run);
      this.#changed(entry.record, 'CONTAINER_STARTED_EVENT');
    });
  }

  /** Signals the user's command, waits, then ends all of the container. Done when the end is recorded. */
  stop(id: string, graceMs: number): Promise<void> {
    return this.#inTurn.run(id, async () => {
      const entry = this.#entry(id);
      const { run, record } = entry;
      if (run === undefined || record.phase.kind !== 'running') return;
      if (graceMs > 0) {
        run.signal(record.plan.stopSignal === 'RUNTIME_DEFAULT' ? 'SIGTERM' : record.plan.stopSignal);
        await this.#within(graceMs, entry.recorded);
      }
      if (this.get(id).phase.kind === 'running') run.kill();
      await entry.recorded;
    });
  }

  remove(id: string): Promise<void> {
    return this.#inTurn.run(id, async () => {
      const entry = this.#entries.get(id);
      if (entry === undefined) return;
      if (entry.record.phase.kind === 'running') {
        entry.run?.kill();
        await entry.recorded;
      }
      await this.#forget(entry.record);
      this.#entries.delete(id);
      this.#changed(entry.record, 'CONTAINER_DELETED_EVENT');
    });
  }

  /** Takes up what an earlier sandbox process recorded. */
  async adopt(records: readonly ContainerRecord[]): Promise<void> {
    for (const record of records) {
      const entry: Entry = { record, run: undefined, recorded: Promise.resolve() };
      this.#entries.set(record.id, entry);
      if (record.phase.kind === 'starting') await this.#endUnrecorded(entry);
      else if (record.phase.kind === 'running') {
        const found = { init: record.phase.init, pipes: this.#pipes(record), tty: record.plan.tty };
        try {
          entry.run = await ContainerRun.adopt(this.#deps, found, record.logPath);
          this.#follow(entry, entry.run);
        } catch (error) {
          // Its pipes are damaged: it can neither be heard nor end by itself.
          this.#deps.log.error('container cannot be taken up', { id: record.id, error: messageOf(error) });
          await this.#endUnrecorded(entry);
        }
      }
    }
  }

  #follow(entry: Entry, run: ContainerRun): void {
    entry.recorded = run.ended
      .then((end) => this.#recordEnd(entry, end))
      .catch((error: unknown) => {
        this.#deps.log.error('container end not recorded', { id: entry.record.id, error: messageOf(error) });
      });
  }

  async #recordEnd(entry: Entry, end: RunEnd): Promise<void> {
    const { phase } = entry.record;
    const startedAtMs = phase.kind === 'running' ? phase.startedAtMs : entry.record.createdAtMs;
    await this.#enter(entry, { kind: 'exited', startedAtMs, ...exitOf(end) });
    this.#changed(entry.record, 'CONTAINER_STOPPED_EVENT');
  }

  async #failStart(entry: Entry, startedAtMs: number, message: string): Promise<never> {
    await this.#enter(entry, {
      kind: 'exited',
      startedAtMs,
      finishedAtMs: this.#deps.clock.now(),
      exitCode: START_FAILED_EXIT_CODE,
      reason: 'StartError',
      message,
    });
    this.#changed(entry.record, 'CONTAINER_STOPPED_EVENT');
    throw new GrpcError('UNKNOWN', `Cannot start container "${entry.record.metadata.name}": ${message}`);
  }

  // OBSERVED: the sandbox was killed while it started the container; whether it ran is unknown, and the caller was
  // told nothing. What may have come of it is ended.
  async #endUnrecorded(entry: Entry): Promise<void> {
    const { processes, clock } = this.#deps;
    for (const found of processes.findMarked(CONTAINER_MARK, entry.record.id)) {
      processes.signal(found, 'SIGKILL');
      await processes.waitEnd(found, END_WAIT_MS);
    }
    const lost = exitOf({ kind: 'lost', finishedAtMs: clock.now() });
    await this.#enter(entry, { kind: 'exited', startedAtMs: entry.record.createdAtMs, ...lost });
  }

  async #enter(entry: Entry, phase: ContainerPhase): Promise<void> {
    const next = { ...entry.record, phase };
    await this.#records.saveContainer(next);
    entry.record = next;
  }

  async #forget(record: ContainerRecord): Promise<void> {
    const { files } = this.#deps;
    for (const path of Object.values(this.#pipes(record))) if (path !== undefined) await files.remove(path);
    await files.removeDirectory(this.#directory(record.id));
    // Last: until everything else is gone the record says where to look.
    await this.#records.removeContainer(record.id);
  }

  async #within(ms: number, done: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#deps.clock.after(ms, 'deadline', resolve);
      void done.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #launch(record: ContainerRecord, pod: PodRecord): ContainerLaunch {
    const { processes, options } = this.#deps;
    const { plan } = record;
    if (pod.process === undefined || pod.isStopped || !processes.isAlive(pod.process)) {
      throw new GrpcError(
        'FAILED_PRECONDITION',
        `Cannot start container "${record.id}": its pod is not ready`,
      );
    }
    const steps = planMounts({
      stage: `${options.stateDirectory}/root`,
      topLayerBytes: options.topLayerBytes,
      mounts: plan.mounts,
      devices: plan.devices,
      hidden: hiddenPaths([...options.hiddenDirectories, options.stateDirectory], (path) =>
        processes.resolvePath(path),
      ),
      maskedPaths: plan.maskedPaths,
      readonlyPaths: plan.readonlyPaths,
      readonlyRootfs: plan.readonlyRootfs,
      workingDir: plan.command.workingDir,
      etc: etcFiles(pod),
    });
    return {
      pod: pod.process,
      steps,
      command: plan.command,
      initArguments: (tty) => initArguments(record.id, plan, tty),
      environmentScript: environmentScript(plan.command.env),
      pipes: this.#pipes(record),
      tty: plan.tty,
    };
  }

  #pipes(record: ContainerRecord): PipePaths {
    const directory = this.#directory(record.id);
    return {
      out: `${directory}/out`,
      err: `${directory}/err`,
      life: `${directory}/life`,
      control: `${directory}/control`,
      input: record.plan.stdin && !record.plan.tty ? `${directory}/in` : undefined,
    };
  }

  #directory(id: string): string {
    return `${this.#deps.options.stateDirectory}/containers/${id}`;
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new GrpcError('NOT_FOUND', `Cannot find container "${id}"`);
    return entry;
  }
}

const EMPTY_IMAGE = {
  image: '',
  annotations: {},
  userSpecifiedImage: '',
  runtimeHandler: '',
  imageRef: '',
};

function exitOf(end: RunEnd): {
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
} {
  const { finishedAtMs } = end;
  if (end.kind === 'lost') {
    const message = 'exit code lost: the container ended while no sandbox process was there to see it';
    return { finishedAtMs, exitCode: KILLED_EXIT_CODE, reason: 'ContainerStatusUnknown', message };
  }
  const exitCode = end.kind === 'killed' ? KILLED_EXIT_CODE : end.exitCode;
  return { finishedAtMs, exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', message: '' };
}

function joinPath(directory: string, path: string): string {
  return path.startsWith('/') ? path : `${directory}/${path}`;
}

function hiddenPaths(
  directories: readonly string[],
  resolvePath: (path: string) => string | undefined,
): readonly string[] {
  return [...new Set(directories.flatMap((path) => resolvePath(path) ?? []))];
}

function etcFiles(pod: PodRecord): Readonly<Record<string, string>> {
  const { servers = [], searches = [], options = [] } = pod.dns ?? {};
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  const resolver = lines.length === 0 ? {} : { 'resolv.conf': `${lines.join('\n')}\n` };
  return { hostname: `${pod.hostname}\n`, ...resolver };
}
