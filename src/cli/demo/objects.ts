// The objects of examples/quickstart.yaml, created and deleted through the API as a user would.
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { persistentVolumeClaims, pods, storageClasses } from '#api/resources.ts';
import { parseYamlDocuments } from '#api/yaml.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { CLAIM, POD, type Scene } from './scene.ts';

interface Quickstart {
  readonly storageClass: StorageClass;
  readonly claim: PersistentVolumeClaim;
  readonly pod: Pod;
}

async function readQuickstart(scene: Scene): Promise<Quickstart> {
  const path = `${scene.effects.home}/examples/quickstart.yaml`;
  const bytes = await scene.effects.files.read(path);
  const { documents } = parseYamlDocuments(new TextDecoder().decode(bytes ?? new Uint8Array()));
  const find = (kind: string): JsonObject => {
    const found = documents.filter(isJsonObject).find((document) => document.kind === kind);
    if (found === undefined) throw new CommandError(EXIT.failed, `Cannot read "${path}": it has no ${kind}`);
    return found;
  };
  // The server decodes them strictly; here they are only passed on.
  return {
    storageClass: find('StorageClass') as unknown as StorageClass,
    claim: find('PersistentVolumeClaim') as unknown as PersistentVolumeClaim,
    pod: find('Pod') as unknown as Pod,
  };
}

/** kubectl apply -f examples/quickstart.yaml */
export async function applyQuickstart(scene: Scene): Promise<void> {
  const { storageClass, claim, pod } = await readQuickstart(scene);
  await scene.api.create(storageClasses, storageClass);
  await scene.api.create(persistentVolumeClaims, claim);
  await scene.api.create(pods, pod);
  scene.timeline.fact('applied', 'examples/quickstart.yaml: a StorageClass, a claim of 1Gi, a pod');
}

/** Creates the pod again. */
export async function createWriter(scene: Scene): Promise<void> {
  await scene.api.create(pods, (await readQuickstart(scene)).pod);
  scene.timeline.fact('pod created', 'the same claim, a new pod');
}

/** Deletes the pod and waits until its node has let go of it. */
export async function deletePod(scene: Scene): Promise<void> {
  await scene.api.delete(pods, POD);
  scene.timeline.waitingFor('the pod to end and its volume to be unpublished');
  await scene.waiter.waitFor('the pod to be gone', async () =>
    (await scene.api.find(pods, POD)) === undefined ? true : undefined,
  );
  scene.timeline.fact('pod gone', 'containers ended, volume unpublished');
}

/** Deletes the pod and the claim together; the rest follows by itself. */
export async function removeEverything(scene: Scene): Promise<void> {
  await Promise.all([scene.api.delete(pods, POD), scene.api.delete(persistentVolumeClaims, CLAIM)]);
  scene.timeline.fact('deleted', 'the pod and the claim');
}
