// Brings the volumes of this node from actual to desired: one queue key a staged volume or local mount, so one
// operation each at a time; every pass looks at the kernel anew, decides (decide.ts) and runs at most one step.
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { Outcome } from '#client/outcome.ts';
import type { EventRecorder } from '#client/events.ts';
import { WorkQueue } from '#client/work-queue.ts';
import type { UnmountProof } from '#volumes/unmount-proof.ts';
import type { DriverRegistry } from '../plugins/driver-registry.ts';
import { readAttachment } from './attachment.ts';
import { decideVolumes, type VolumeStep } from './decide.ts';
import type { DesiredMount } from './desired-world.ts';
import { growOnNode } from './expand-operation.ts';
import { Growth } from './growth.ts';
import { volumesToGrow } from './growth-watch.ts';
import {
  type ObservedVolume,
  type ObserveDeps,
  observeMount,
  observeVolume,
  stagedVolumeOf,
} from './observe.ts';
import type { OperationDeps } from './operation-deps.ts';
import { publishCsi, publishLocal, unpublish } from './publish-operation.ts';
import { publishPresence } from './presence.ts';
import { type CsiSource, followsObject, volumeKey } from './resolved-volume.ts';
import { csiVolumeOf, identityOf, stage, unstage } from './stage-operation.ts';
import { type ProofDeps, proveUnpublish, proveUnstage } from './unmount-proof.ts';

export interface VolumeWorldDeps extends OperationDeps, ProofDeps {
  readonly host: OperationDeps['host'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly drivers: DriverRegistry;
  readonly node: ObserveDeps['node'];
  /** Called after the volumes of a pod have changed. */
  readonly podChanged: (podUid: string) => void;
  /** Called when volumesInUse may have changed. */
  readonly inUseChanged: () => void;
  /** Called when the node holds as many volumes of the driver as it can, with the pods that wait for one more. */
  readonly nodeIsFull: (of: FullNode) => void;
}

export interface FullNode {
  readonly driver: string;
  readonly podUids: readonly string[];
  readonly message: string;
}

export interface PendingVolume {
  /** The name in the pod's spec. */
  readonly volume: string;
  /** The name that users know it by: its PersistentVolume's, where it has one. */
  readonly name: string;
  readonly driver: string | undefined;
  readonly because: string | undefined;
}
export interface PodVolumes {
  /** Name in the pod's spec to the path that containers get. */
  readonly ready: ReadonlyMap<string, string>;
  readonly pending: readonly PendingVolume[];
}

type VolumeOperation = (
  deps: OperationDeps,
  mount: DesiredMount & { readonly source: CsiSource },
  made: {
    readonly driver: NonNullable<ReturnType<DriverRegistry['get']>>;
    readonly attachment: ObservedVolume['attachment'];
  },
) => Promise<void>;

/** Upstream's first retry of a volume operation is 500 ms; local ones recover faster. */
const BACKOFF = { firstMs: 100, maxMs: 122_000 };
/** Volumes in flight: bounds the calls that drivers see. */
const CONCURRENCY = 16;
/** Waits end by events; this bounds the harm of a lost one. */
const WAIT_MS = 5000;
/** A claim that was enlarged is found on its node within this time. */
const GROWTH_LOOK_MS = 5000;

export class VolumeWorld {
  readonly #deps: VolumeWorldDeps;
  readonly #observe: ObserveDeps;
  readonly #queue: WorkQueue;
  readonly #written = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #growth = new Growth();

  constructor(deps: VolumeWorldDeps) {
    this.#deps = deps;
    this.#observe = {
      ...deps,
      writtenVersion: (mount) => this.#written.get(mount),
      attachment: (source) => readAttachment(deps.api, source, deps),
      isToGrow: (volume) => this.#growth.isWanted(volume),
    };
    this.#queue = new WorkQueue({
      ...deps,
      name: 'volumes',
      concurrency: CONCURRENCY,
      backoff: BACKOFF,
      reconcile: (key) => this.#reconcile(key),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    this.lookAgain();
    this.#lookForGrowth(signal);
    return this.#queue.run(signal);
  }

  /** AGT61: again and again, a few seconds after each look has ended. */
  #lookForGrowth(signal: AbortSignal): void {
    this.#deps.clock.after(GROWTH_LOOK_MS, 'periodic', () => {
      if (signal.aborted) return;
      void volumesToGrow(this.#deps, this.#growth).then((keys) => {
        for (const key of keys) {
          this.#growth.want(key);
          this.#queue.enqueue(key);
        }
        this.#lookForGrowth(signal);
      });
    });
  }

  /** Looks at every volume that is wanted or recorded. */
  lookAgain(): void {
    const { desired, records } = this.#deps;
    for (const mount of desired.mounts()) this.#queue.enqueue(keyOfMount(mount));
    for (const record of records.publishes()) this.#queue.enqueue(record.csi?.volume ?? record.key);
    for (const record of records.stages()) this.#queue.enqueue(record.key);
  }

  /** Looks at the volumes of one pod, and tells the Node what is in use. */
  lookAgainAt(podUid: string): void {
    const { desired, records, inUseChanged } = this.#deps;
    inUseChanged();
    for (const mount of desired.mountsOf(podUid)) this.#queue.enqueue(keyOfMount(mount));
    for (const record of records.publishes()) {
      if (record.podUid === podUid) this.#queue.enqueue(record.csi?.volume ?? record.key);
    }
  }

  /** Every attachable volume that is wanted here or may be in use here (AGT5, AGT13). */
  volumesInUse(): readonly string[] {
    const { desired, records } = this.#deps;
    const wanted = desired
      .mounts()
      .flatMap(({ source }) => (source.type === 'csi' && source.needsAttach ? [source] : []));
    const recorded = [...records.publishes(), ...records.stages()].flatMap(({ csi }) => csi ?? []);
    const names = [
      ...wanted.map((source) => volumeKey(source)),
      ...recorded.filter((csi) => csi.needsAttach).map((csi) => csi.volume),
    ];
    return [...new Set(names)].sort();
  }

  /** The mounts of a pod as they stand now: with a fresh look at the mount table. */
  async podVolumes(podUid: string): Promise<PodVolumes> {
    const { desired, records, host, bootId } = this.#deps;
    const table = await host.mounts.table();
    const ready = new Map<string, string>();
    const pending: PendingVolume[] = [];
    for (const mount of desired.mountsOf(podUid)) {
      const record = records.publish(mount.key);
      const presence = publishPresence(record, table, bootId);
      const isReady = presence === 'present' && this.#isWritten(mount);
      // OBSERVED: somebody unmounted what we had published. No event tells of it: this look does (AGT82).
      if (record?.phase === 'done' && presence !== 'present') this.#queue.enqueue(keyOfMount(mount));
      if (record !== undefined && isReady) ready.set(mount.volumeName, record.hostPath);
      else pending.push(this.#pending(mount));
    }
    return { ready, pending };
  }

  #pending(mount: DesiredMount): PendingVolume {
    const { source, volumeName: volume } = mount;
    const of =
      source.type === 'csi'
        ? { name: source.persistentVolume, driver: source.driver }
        : { name: volume, driver: undefined };
    return { volume, ...of, because: this.#problems.get(keyOfMount(mount)) };
  }

  /** True when nothing of this pod is recorded any more. */
  isClear(podUid: string): boolean {
    return this.#deps.records.publishes().every((record) => record.podUid !== podUid);
  }

  /** Content that follows an object must have been written by this process once. */
  #isWritten(mount: DesiredMount): boolean {
    return !followsObject(mount.type) || this.#written.has(mount.key);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const table = await this.#deps.host.mounts.table();
    const observed = await observeVolume(this.#observe, key, table);
    const local = observed === undefined ? observeMount(this.#observe, key, table) : undefined;
    const [step] = decideVolumes({
      isComplete: this.#deps.desired.isComplete,
      volumes: observed === undefined ? [] : [observed.view],
      mounts: observed?.mounts ?? (local === undefined ? [] : [local]),
    });
    if (step === undefined) {
      this.#problems.delete(key);
      return { kind: 'settled' };
    }
    if (step.kind === 'wait') {
      this.#problems.set(key, `waiting: ${step.because}`);
      return { kind: 'blocked', because: step.because, retryAfterMs: WAIT_MS };
    }
    if (step.kind === 'give-up') {
      this.#giveUp(key, observed);
      return { kind: 'blocked', because: 'the node is full', retryAfterMs: WAIT_MS };
    }
    return this.#run(key, step, observed);
  }

  #giveUp(key: string, observed: ObservedVolume | undefined): void {
    const text = observed?.attachment?.nodeIsFull ?? '';
    this.#problems.set(key, `waiting: the node is full: ${text}`);
    const waiting = this.#deps.desired.mounts().filter((mount) => stagedVolumeOf(mount) === key);
    const [{ source } = { source: undefined }] = waiting;
    if (source?.type !== 'csi') return;
    this.#deps.nodeIsFull({
      driver: source.driver,
      podUids: waiting.map(({ pod }) => pod.uid),
      message: `volume "${source.persistentVolume}" cannot be attached to this node: ${text}`,
    });
  }

  async #run(key: string, step: VolumeStep, observed: ObservedVolume | undefined): Promise<Outcome> {
    const { log, clock, inUseChanged } = this.#deps;
    const began = clock.elapsed();
    try {
      await this.#perform(step, observed);
    } catch (error) {
      this.#problems.set(key, `${step.kind} failed: ${messageOf(error)}`);
      this.#tellPods(key, observed);
      return { kind: 'failed', error };
    }
    this.#problems.delete(key);
    log.info(`volume ${step.kind} done`, { key, tookMs: Math.round(clock.elapsed() - began) });
    inUseChanged();
    this.#tellPods(key, observed);
    return { kind: 'progressed' };
  }

  async #perform(step: VolumeStep, observed: ObservedVolume | undefined): Promise<void> {
    const { records, desired, drivers } = this.#deps;
    switch (step.kind) {
      case 'unpublish': {
        const record = records.publish(step.mount);
        if (record === undefined) return;
        this.#written.delete(step.mount);
        const proof = this.#logged(await proveUnpublish(this.#deps, record));
        return unpublish(this.#deps, record, { driver: record.csi && drivers.get(record.csi.driver), proof });
      }
      case 'unstage': {
        const record = records.stage(step.volume);
        const driver = record && drivers.get(record.csi.driver);
        if (record === undefined || driver === undefined) return;
        const proof = this.#logged(await proveUnstage(this.#deps, record));
        await unstage(this.#deps, record, { driver, proof });
        this.#growth.forget(step.volume);
        return;
      }
      case 'stage': {
        const mount = desired.mounts().find((one) => stagedVolumeOf(one) === step.volume);
        if (mount !== undefined) await this.#withDriver(mount, observed, stage);
        return;
      }
      case 'publish': {
        const mount = desired.mounts().find((one) => one.key === step.mount);
        if (mount !== undefined) await this.#publish(mount, observed);
        return;
      }
      case 'grow': {
        const published = observed?.mounts.find(({ presence }) => presence === 'present');
        const mount = desired.mounts().find((one) => one.key === published?.key);
        if (mount !== undefined) await this.#withDriver(mount, observed, this.#growAt('target'));
        return;
      }
      case 'wait':
      case 'give-up':
        return;
    }
  }

  #logged(proof: UnmountProof): UnmountProof {
    this.#deps.log.info('proven: may be taken down', {
      path: proof.subject,
      evidence: proof.evidence.join('; '),
    });
    return proof;
  }

  async #publish(mount: DesiredMount, observed: ObservedVolume | undefined): Promise<void> {
    if (mount.source.type === 'csi') {
      // AGT60: a staged file system grows before a container sees it, anything else once it is published.
      const isToGrow = mount.source.claim?.isToGrow === true;
      if (isToGrow && mount.source.mode === 'Filesystem') {
        await this.#withDriver(mount, observed, this.#growAt('stage'));
      }
      await this.#withDriver(mount, observed, publishCsi);
      this.#learnSize(mount.source, isToGrow);
    } else {
      await publishLocal(this.#deps, mount);
    }
    this.#written.set(mount.key, mount.version);
  }

  #learnSize(source: CsiSource, isToGrow: boolean): void {
    const key = volumeKey(source);
    if (isToGrow) this.#growth.want(key);
    else if (this.#growth.sizeOf(key) === undefined) this.#growth.settle(key, source.claim?.capacity);
  }

  /** NodeExpandVolume, and what its answer means for the next look. */
  #growAt(place: 'stage' | 'target'): VolumeOperation {
    return async (deps, mount, made) => {
      const { source } = mount;
      const { needsStage, stagePath } = identityOf(deps, source, made);
      const canGrow = made.driver.capabilities.has('EXPAND_VOLUME') && !source.readOnly;
      const key = volumeKey(source);
      if (source.claim === undefined || !canGrow || (place === 'stage' && !needsStage)) {
        this.#growth.settle(key, undefined);
        return;
      }
      const grown = await growOnNode(this.#deps, made.driver, {
        claim: source.claim,
        persistentVolume: source.persistentVolume,
        volume: csiVolumeOf(source, made, mount),
        volumePath: place === 'stage' ? stagePath : mount.target,
        stagePath: needsStage ? stagePath : '',
        secrets: source.expandSecrets,
        grownTo: this.#growth.sizeOf(key),
      });
      if (grown.kind === 'refused') this.#growth.refuse(key);
      else this.#growth.settle(key, grown.kind === 'settled' ? grown.size : undefined);
    };
  }

  async #withDriver(
    mount: DesiredMount,
    observed: ObservedVolume | undefined,
    operation: VolumeOperation,
  ): Promise<void> {
    const { source } = mount;
    if (source.type !== 'csi') return;
    const driver = this.#deps.drivers.get(source.driver);
    if (driver === undefined) throw new Error(`Driver "${source.driver}" has gone from this node`);
    await operation(this.#deps, { ...mount, source }, { driver, attachment: observed?.attachment });
  }

  #tellPods(key: string, observed: ObservedVolume | undefined): void {
    const { podChanged, records, desired } = this.#deps;
    const uids = new Set(observed?.mounts.map(({ podUid }) => podUid));
    const local = records.publish(key)?.podUid ?? desired.mounts().find((one) => one.key === key)?.pod.uid;
    if (local !== undefined) uids.add(local);
    // The record of an unpublished local mount is gone: its key begins with the pod's UID.
    if (observed === undefined) uids.add(key.slice(0, key.indexOf('/')));
    for (const uid of uids) podChanged(uid);
  }
}

function keyOfMount(mount: DesiredMount): string {
  return stagedVolumeOf(mount) ?? mount.key;
}
