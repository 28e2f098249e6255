// Holdfast stopped, and each of its processes killed with -9, while a pod starts and while it runs: the container goes
// on, nothing is unmounted, nothing is lost, and in the end everything can be deleted.
import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import { parseYamlDocuments } from '#api/yaml.ts';
import type { ApiClient } from '#client/api-client.ts';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { watchMachine } from './machine.ts';
import { claim, DISK_CLASS, writer } from './manifests.ts';

watchMachine();

const POD = { namespace: 'default', name: 'counter' };
const CLAIM = { namespace: 'default', name: 'numbers' };

/** The process of a Holdfast that runs the bundle `name`. */
function processOf(dataDir: string, name: string): number {
  const runDir = readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    const command = commandOf(pid);
    return (
      command.some((arg) => arg.endsWith(`/${name}.mjs`)) && command.some((arg) => arg.startsWith(dataDir))
    );
  });
  if (runDir === undefined) throw new Error(`no process "${name}" of ${dataDir}`);
  return Number(runDir);
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

const mountsOf = (dataDir: string): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dataDir))
    .toSorted();

async function create<T extends ApiObject>(
  api: ApiClient,
  type: ResourceType<T>,
  yaml: string,
): Promise<void> {
  const [document] = parseYamlDocuments(yaml).documents;
  if (!isJsonObject(document)) throw new Error('no object');
  const metadata = document.metadata as JsonObject;
  const namespace = type.namespaced ? { namespace: 'default' } : {};
  await api.create(type, { ...document, metadata: { ...metadata, ...namespace } } as unknown as T);
}

async function running(api: ApiClient): Promise<Stored<Pod>> {
  return until('the pod to be Running', async () => {
    const pod = await api.find(pods, POD).catch(() => undefined);
    return pod?.status?.containerStatuses?.[0]?.state?.running === undefined ? undefined : pod;
  });
}

const containerOf = (pod: Stored<Pod>) => {
  const { containerID, restartCount } = pod.status?.containerStatuses?.[0] ?? {};
  return { containerID, restartCount };
};

async function numbersOf(dataDir: string, api: ApiClient): Promise<readonly number[]> {
  const pod = await api.get(pods, POD);
  const bound: Stored<PersistentVolumeClaim> = await api.get(persistentVolumeClaims, CLAIM);
  const volume = `${dataDir}/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~csi/${bound.spec?.volumeName}`;
  return readFileSync(`${volume}/mount/lines`, 'utf8').trim().split('\n').map(Number);
}

/** Every number once and in order: nothing was lost, nothing was written twice. */
const isUnbroken = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => number === index + 1);

async function grows(dataDir: string, api: ApiClient): Promise<readonly number[]> {
  const { length } = await numbersOf(dataDir, api);
  return until('the file to grow', async () => {
    const numbers = await numbersOf(dataDir, api);
    return numbers.length > length + 2 ? numbers : undefined;
  });
}

describe('one data directory', () => {
  let dataDir = '';
  let holdfast: RunningHoldfast;

  beforeAll(async () => {
    dataDir = newDataDirectory();
    holdfast = await startHoldfast(dataDir);
    await create(holdfast.api, storageClasses, DISK_CLASS);
  });

  /** After each test everything can be deleted, and nothing is left of it anywhere. */
  afterEach(async () => {
    const { api } = holdfast;
    await api.delete(pods, POD);
    await api.delete(persistentVolumeClaims, CLAIM);
    await until('everything to be gone', async () => {
      const lists = await Promise.all([
        api.list(pods),
        api.list(persistentVolumeClaims),
        api.list(persistentVolumes),
        api.list(volumeAttachments),
      ]).catch(() => undefined);
      return lists?.every(({ items }) => items.length === 0) === true ? true : undefined;
    });
    expect(readdirSync(`${dataDir}/disk/volumes`)).toEqual([]);
    expect(readdirSync(`${dataDir}/disk/ledger`)).toEqual([]);
    expect(readdirSync(`${dataDir}/kubelet/pods`)).toEqual([]);
  });

  afterAll(async () => {
    expect([await holdfast.stop(), holdfast.errors()]).toEqual([0, '']);
    expect(mountsOf(dataDir)).toEqual([]);
    await removeDataDirectory(dataDir);
  });

  const start = async (): Promise<void> => {
    await create(holdfast.api, persistentVolumeClaims, claim(CLAIM.name));
    await create(holdfast.api, pods, writer(POD.name, CLAIM.name));
  };

  test('Ctrl-C and a new start: the same container, its file grew meanwhile, the same mounts', async () => {
    await start();
    const before = await running(holdfast.api);
    const mounts = mountsOf(dataDir);
    const file = await grows(dataDir, holdfast.api);
    const path = mounts.find((line) => line.includes('/mount '))?.split(' ')[4] ?? '';
    expect(await holdfast.stop('SIGINT')).toBe(0);
    expect(mountsOf(dataDir)).toEqual(mounts);
    await until('the file to grow while Holdfast is down', () =>
      readFileSync(`${path}/lines`, 'utf8').split('\n').length > file.length + 3 ? true : undefined,
    );
    holdfast = await startHoldfast(dataDir);
    const { resourceVersion } = (await holdfast.api.get(pods, POD)).metadata;
    expect(containerOf(await running(holdfast.api))).toEqual(containerOf(before));
    const numbers = await grows(dataDir, holdfast.api);
    expect(isUnbroken(numbers)).toBe(true);
    expect(mountsOf(dataDir)).toEqual(mounts);
    const after = await holdfast.api.get(pods, POD);
    expect(containerOf(after)).toEqual(containerOf(before));
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(resourceVersion));
  });

  const CHILDREN = ['agent', 'sandbox', 'disk-node', 'disk-controller'];

  test.each(CHILDREN)('kill -9 of %s while the pod runs', async (name) => {
    await start();
    const before = await running(holdfast.api);
    const mounts = mountsOf(dataDir);
    for (let round = 0; round < 2; round++) {
      const pid = processOf(dataDir, name);
      process.kill(pid, 'SIGKILL');
      await until(`another ${name}`, () => {
        try {
          return processOf(dataDir, name) === pid ? undefined : true;
        } catch {
          return undefined;
        }
      });
    }
    expect(isUnbroken(await grows(dataDir, holdfast.api))).toBe(true);
    expect(mountsOf(dataDir)).toEqual(mounts);
    expect(containerOf(await running(holdfast.api))).toEqual(containerOf(before));
  });

  test('kill -9 of up while the pod runs', async () => {
    await start();
    const before = await running(holdfast.api);
    const mounts = mountsOf(dataDir);
    await holdfast.stop('SIGKILL');
    holdfast = await startHoldfast(dataDir);
    expect(containerOf(await running(holdfast.api))).toEqual(containerOf(before));
    expect(isUnbroken(await grows(dataDir, holdfast.api))).toBe(true);
    expect(mountsOf(dataDir)).toEqual(mounts);
  });

  // Where in the pod's start the kill falls: the moment something has just become true.
  const MOMENTS: readonly { readonly when: string; readonly isNow: () => Promise<boolean> }[] = [
    { when: 'the claim was created', isNow: async () => true },
    {
      when: 'the volume exists',
      isNow: async () => (await holdfast.api.list(persistentVolumes)).items.length > 0,
    },
    {
      when: 'it is attached',
      isNow: async () =>
        (await holdfast.api.list(volumeAttachments)).items.some(({ status }) => status?.attached === true),
    },
    {
      when: 'it is staged',
      isNow: async () => mountsOf(dataDir).some((line) => line.includes('globalmount')),
    },
    { when: 'it is published', isNow: async () => mountsOf(dataDir).some((line) => line.includes('~csi')) },
  ];

  const rows = [...CHILDREN, 'up'].flatMap((name) => MOMENTS.map((moment) => ({ name, ...moment })));
  test.each(rows)('kill -9 of $name when $when', async ({ name, isNow }) => {
    await start();
    await until('the moment', async () => ((await isNow()) ? true : undefined));
    if (name === 'up') {
      await holdfast.stop('SIGKILL');
      holdfast = await startHoldfast(dataDir);
    } else {
      process.kill(processOf(dataDir, name), 'SIGKILL');
    }
    await running(holdfast.api);
    expect(isUnbroken(await grows(dataDir, holdfast.api))).toBe(true);
  });
});
