// npm run bench -- start: how fast a user gets from nothing to a pod on a new volume, and what an idle node costs.
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import { isJsonObject } from '#api/json.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import { parseYamlDocuments } from '#api/yaml.ts';
import {
  memoryByProcess,
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from '#testing/e2e/holdfast-process.ts';

interface Figure {
  readonly medianMs: number;
  readonly worstMs: number;
  readonly goalMs: number;
  readonly runs: number;
}

const round = (value: number): number => Math.round(value * 10) / 10;
const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);
const quantile = (values: readonly number[], q: number): number =>
  sorted(values)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? 0;
const figure = (values: readonly number[], goalMs: number): Figure => ({
  medianMs: round(quantile(values, 0.5)),
  worstMs: round(Math.max(...values)),
  goalMs,
  runs: values.length,
});

function quickstart(): { storageClass: StorageClass; claim: PersistentVolumeClaim; pod: Pod } {
  const { documents } = parseYamlDocuments(readFileSync('examples/quickstart.yaml', 'utf8'));
  const of = (kind: string): unknown => documents.filter(isJsonObject).find((d) => d.kind === kind);
  return {
    storageClass: of('StorageClass') as StorageClass,
    claim: of('PersistentVolumeClaim') as PersistentVolumeClaim,
    pod: of('Pod') as Pod,
  };
}

/** A claim and a pod of that name, from the quickstart. */
function workload(name: string): { claim: PersistentVolumeClaim; pod: Pod } {
  const { claim, pod } = quickstart();
  return {
    claim: { ...claim, metadata: { ...claim.metadata, name } },
    pod: {
      ...pod,
      metadata: { ...pod.metadata, name },
      spec: {
        ...pod.spec,
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
      } as Pod['spec'],
    },
  };
}

/** Milliseconds from `since` until the pod's container runs. */
async function running(holdfast: RunningHoldfast, name: string, since: number): Promise<number> {
  const done = new AbortController();
  const events = holdfast.api.watch(
    pods,
    { namespace: 'default', fieldSelector: `metadata.name=${name}` },
    AbortSignal.any([done.signal, AbortSignal.timeout(60_000)]),
  );
  for await (const event of events) {
    if (event.type === 'BOOKMARK' || event.object.status?.phase !== 'Running') continue;
    done.abort();
    return performance.now() - since;
  }
  throw new Error(`pod "${name}" did not run within 60 s`);
}

async function remove(holdfast: RunningHoldfast, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await holdfast.api.delete(pods, { namespace: 'default', name });
    await holdfast.api.delete(persistentVolumeClaims, { namespace: 'default', name });
  }
  await until('the volumes to be gone', async () =>
    (await holdfast.api.list(persistentVolumes)).items.length === 0 &&
    (await holdfast.api.list(pods)).items.length === 0
      ? true
      : undefined,
  );
}

async function applyWorkload(holdfast: RunningHoldfast, name: string, since: number): Promise<number> {
  const { claim, pod } = workload(name);
  const seen = running(holdfast, name, since);
  await holdfast.api.create(persistentVolumeClaims, claim);
  await holdfast.api.create(pods, pod);
  return seen;
}

async function coldRun(): Promise<{
  readonly empty: number;
  readonly pod: number;
  readonly existing: number;
}> {
  const dataDir = newDataDirectory();
  const first = await startHoldfast(dataDir);
  await first.api.create(storageClasses, quickstart().storageClass);
  const pod = await applyWorkload(first, 'writer', first.startedAt);
  await remove(first, ['writer']);
  await first.stop();
  const second = await startHoldfast(dataDir);
  await second.stop();
  await removeDataDirectory(dataDir);
  return { empty: first.readyMs, pod, existing: second.readyMs };
}

const WARM_PODS = 30;
const IDLE_MS = 5_000;

async function warmRun(): Promise<{
  readonly applied: readonly number[];
  readonly memory: Readonly<Record<string, number>>;
}> {
  const dataDir = newDataDirectory();
  const holdfast = await startHoldfast(dataDir);
  await holdfast.api.create(storageClasses, quickstart().storageClass);
  const applied: number[] = [];
  for (let i = 0; i < WARM_PODS; i++) {
    applied.push(await applyWorkload(holdfast, `pod-${i}`, performance.now()));
    await remove(holdfast, [`pod-${i}`]);
  }
  await holdfast.stop();
  const idle = await startHoldfast(dataDir);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const memory = memoryByProcess(dataDir);
  await idle.stop();
  await removeDataDirectory(dataDir);
  return { applied, memory };
}

/** Runs the benchmark: `runs` cold starts, then one running system. */
export async function runStart(runs: number): Promise<object> {
  const cold: Awaited<ReturnType<typeof coldRun>>[] = [];
  for (let i = 0; i < runs; i++) cold.push(await coldRun());
  const { applied, memory } = await warmRun();
  const total = Object.values(memory).reduce((sum, size) => sum + size, 0);
  return {
    benchmark: 'start',
    machine: { cpu: cpus()[0]?.model ?? '', cores: cpus().length, kernel: release(), node: process.version },
    readyOnEmptyDirectory: figure(
      cold.map((c) => c.empty),
      800,
    ),
    readyOnExistingData: figure(
      cold.map((c) => c.existing),
      500,
    ),
    coldStartToPodRunning: figure(
      cold.map((c) => c.pod),
      1500,
    ),
    applyToRunning: {
      p50Ms: round(quantile(applied, 0.5)),
      p99Ms: round(quantile(applied, 0.99)),
      worstMs: round(Math.max(...applied)),
      goalP50Ms: 400,
      goalP99Ms: 1000,
      runs: applied.length,
    },
    idleMemory: {
      proportionalSetSizeMiB: round(total),
      goalMiB: 320,
      byProcess: Object.fromEntries(Object.entries(memory).map(([name, size]) => [name, round(size)])),
    },
  };
}
