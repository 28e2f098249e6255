// The acts: each waits for real facts, in the order in which they must happen, and shows them.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  configMaps,
  events,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import { containerProcess } from './container-process.ts';
import { driverRecord, lastLines, mountsBelow } from './node-facts.ts';
import { CLAIM, type DemoVolume, POD, type Scene } from './scene.ts';

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

/** From the claim to the first lines on the volume. */
export async function showBirth(scene: Scene): Promise<DemoVolume> {
  const { timeline, waiter, api } = scene;
  timeline.waitingFor('the claim to be looked at');
  const pending = await waiter.waitFor('an event about the claim', () => claimEvent(scene));
  timeline.fact('claim Pending', pending);
  timeline.waitingFor('the scheduler');
  const node = await waiter.waitFor('a node to be chosen', async () => {
    const claim = await api.find(persistentVolumeClaims, CLAIM);
    return claim?.metadata.annotations?.[SELECTED_NODE];
  });
  timeline.fact('node chosen', node);
  timeline.waitingFor('CreateVolume');
  const claim = await api.get(persistentVolumeClaims, CLAIM);
  const name = `pvc-${claim.metadata.uid}`;
  await showCreated(scene, name);
  const volume = await showBound(scene, name);
  await showAttached(scene, volume);
  await showMounted(scene, volume);
  await showRunning(scene);
  await showLines(scene, volume, 3);
  return volume;
}

async function claimEvent(scene: Scene): Promise<string | undefined> {
  const { items } = await scene.api.list(events, { namespace: CLAIM.namespace });
  const event = items.find(
    (e) => e.involvedObject.kind === 'PersistentVolumeClaim' && e.involvedObject.name === CLAIM.name,
  );
  return event === undefined ? undefined : `${event.reason ?? ''}: ${event.message ?? ''}`;
}

async function showCreated(scene: Scene, name: string): Promise<void> {
  const { timeline, waiter, api } = scene;
  let shown = false;
  const handle = await waiter.waitFor(`PersistentVolume "${name}"`, async () => {
    const volume = await api.find(persistentVolumes, { name });
    if (!shown && volume === undefined) {
      const intent = await api.find(configMaps, { namespace: 'holdfast-system', name });
      if (intent !== undefined) {
        shown = true;
        timeline.fact('intent recorded', `holdfast-system/${name}`);
      }
    }
    return volume?.spec?.csi?.volumeHandle;
  });
  timeline.fact('CreateVolume', `the driver made "${handle}"`);
}

async function showBound(scene: Scene, name: string): Promise<DemoVolume> {
  const { timeline, waiter, api } = scene;
  timeline.waitingFor('the claim to be bound');
  const bound = await waiter.waitFor('the claim to be Bound', async () => {
    const claim = await api.find(persistentVolumeClaims, CLAIM);
    return claim?.status?.phase === 'Bound' ? claim : undefined;
  });
  const volume = await api.get(persistentVolumes, { name });
  timeline.fact('PV bound', `${name}, ${capacityOf(bound)}`);
  return { name, handle: volume.spec?.csi?.volumeHandle ?? '' };
}

const capacityOf = (claim: Stored<PersistentVolumeClaim>): string =>
  claim.status?.capacity?.['storage'] ?? '';

async function showAttached(scene: Scene, volume: DemoVolume): Promise<void> {
  const { timeline, waiter, api } = scene;
  timeline.waitingFor('the volume to be attached');
  const attachment = await waiter.waitFor('the volume to be attached', async () => {
    const { items } = await api.list(volumeAttachments);
    return items.find(
      (a) => a.spec.source.persistentVolumeName === volume.name && a.status?.attached === true,
    );
  });
  timeline.fact('attached', `to ${attachment.spec.nodeName}`);
}

async function showMounted(scene: Scene, volume: DemoVolume): Promise<void> {
  const { timeline, waiter, effects, layout } = scene;
  timeline.waitingFor('the volume to be formatted and staged');
  const staged = await waiter.waitFor('the volume to be staged', async () => {
    const mounts = await mountsBelow(effects, `${layout.kubeletRoot}/plugins/kubernetes.io/csi`);
    return mounts.find((m) => m.mountPoint.endsWith('/globalmount'));
  });
  const record = await driverRecord(effects, layout.diskPool, { kind: 'formats', handle: volume.handle });
  timeline.fact(
    'formatted',
    `${staged.fsType} on ${staged.source}; the driver's ledger says "${String(record?.['state'])}"`,
  );
  timeline.fact('staged', shorten(staged.mountPoint, layout.kubeletRoot));
  const published = await waiter.waitFor('the volume to be published', async () =>
    (await mountsBelow(effects, `${layout.kubeletRoot}/pods`)).find((m) =>
      m.mountPoint.includes(volume.name),
    ),
  );
  timeline.fact('published', shorten(published.mountPoint, layout.kubeletRoot));
}

const shorten = (path: string, root: string): string =>
  path.replace(root, '…').replace(/[0-9a-f]{56}(?=[0-9a-f]{8}\/)/, '…');

async function showRunning(scene: Scene): Promise<Stored<Pod>> {
  scene.timeline.waitingFor('the container');
  const pod = await scene.waiter.waitFor('the pod to be Running', () => runningPod(scene, 0));
  scene.timeline.fact('container Running', pod.status?.containerStatuses?.[0]?.containerID ?? '');
  return pod;
}

async function runningPod(scene: Scene, restarts: number): Promise<Stored<Pod> | undefined> {
  const pod = await scene.api.find(pods, POD);
  const status = pod?.status?.containerStatuses?.[0];
  const isRunning = status?.state?.running !== undefined && (status.restartCount ?? 0) >= restarts;
  return isRunning ? pod : undefined;
}

async function volumePath(scene: Scene, volume: DemoVolume): Promise<string> {
  const pod = await scene.api.get(pods, POD);
  return `${scene.layout.kubeletRoot}/pods/${pod.metadata.uid}/volumes/kubernetes.io~csi/${volume.name}/mount/lines`;
}

async function showLines(scene: Scene, volume: DemoVolume, count: number): Promise<number> {
  scene.timeline.waitingFor('the first lines');
  const path = await volumePath(scene, volume);
  const lines = await scene.waiter.waitFor('lines in the file', async () => {
    const found = await lastLines(scene.effects, path, count);
    return found.length >= count ? found : undefined;
  });
  scene.timeline.fact('lines of the file', '/data/lines');
  scene.timeline.quote(lines);
  return lineNumber(lines.at(-1));
}

const lineNumber = (line: string | undefined): number => Number(line?.split(' ')[0] ?? 0);

/** Kills the container's process and shows it back on the same data. */
export async function showKill(scene: Scene, volume: DemoVolume): Promise<void> {
  const { timeline, waiter, effects } = scene;
  const path = await volumePath(scene, volume);
  const last = lineNumber((await lastLines(effects, path, 1)).at(-1));
  const { metadata } = await scene.api.get(pods, POD);
  const pid = await containerProcess(effects, '/data/lines', metadata.uid);
  effects.kill(pid);
  timeline.fact('kill -9', `process ${pid}, after line ${last}`);
  timeline.waitingFor('the agent to start it again');
  const pod = await waiter.waitFor('the container to be restarted', () => runningPod(scene, 1));
  const ended = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
  timeline.fact(
    'restarted',
    `exit code ${ended?.exitCode ?? '?'}, restart ${pod.status?.containerStatuses?.[0]?.restartCount ?? 0}`,
  );
  await showContinues(scene, path, last);
}

async function showContinues(scene: Scene, path: string, last: number): Promise<void> {
  const lines = await scene.waiter.waitFor('new lines after the old ones', async () => {
    const found = await lastLines(scene.effects, path, 10_000);
    const from = found.findIndex((line) => lineNumber(line) === last);
    return from >= 0 && found.length >= from + 3 ? found.slice(from, from + 3) : undefined;
  });
  scene.timeline.fact('same data', `the line count goes on after ${last}`);
  scene.timeline.quote(lines);
}

/** The new pod finds the old lines. */
export async function showOldLines(scene: Scene, volume: DemoVolume): Promise<void> {
  await showRunning(scene);
  const path = await volumePath(scene, volume);
  const pod = await scene.api.get(pods, POD);
  const lines = await scene.waiter.waitFor('old and new lines', async () => {
    const found = await lastLines(scene.effects, path, 10_000);
    return found.at(-1)?.includes(pod.metadata.uid) === true ? found : undefined;
  });
  const old = lines.filter((line) => !line.includes(pod.metadata.uid));
  scene.timeline.fact('old lines there', `${old.length} lines of the pod before, then the new pod's`);
  scene.timeline.quote([old[0] ?? '', '…', old.at(-1) ?? '', lines.at(-1) ?? '']);
}

/** The pod, the attachment, the PersistentVolume and the driver's volume go, in that order. */
export async function showRemoval(scene: Scene, volume: DemoVolume): Promise<void> {
  const { timeline, waiter, api, effects, layout } = scene;
  const gone = async (what: string, look: () => Promise<boolean>, detail: string): Promise<void> => {
    timeline.waitingFor(`${what}`);
    await waiter.waitFor(what, async () => ((await look()) ? true : undefined));
    timeline.fact(what, detail);
  };
  await gone('pod gone', async () => (await api.find(pods, POD)) === undefined, 'containers ended');
  const mounts = () => mountsBelow(effects, layout.kubeletRoot);
  await gone(
    'unstaged',
    async () => !(await mounts()).some((m) => m.mountPoint.includes('/csi/')),
    'no mount left, loop device gone',
  );
  const attachments = async () => (await api.list(volumeAttachments)).items;
  await gone(
    'detached',
    async () => !(await attachments()).some((a) => a.spec.source.persistentVolumeName === volume.name),
    'the VolumeAttachment is gone',
  );
  await gone(
    'PV gone',
    async () => (await api.find(persistentVolumes, { name: volume.name })) === undefined,
    volume.name,
  );
  const record = () => driverRecord(effects, layout.diskPool, { kind: 'ledger', handle: volume.handle });
  await gone(
    'gone at the driver',
    async () => (await record()) === undefined,
    `no ledger record of ${volume.handle}`,
  );
}
