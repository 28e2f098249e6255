// Connects informers to keys: an attachment to itself, its volume's and its node's news to every attachment concerned.
import { csiNodes, persistentVolumes, volumeAttachments } from '#api/resources.ts';
import { sleep } from '#base/clock.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import type { Driver } from '#csi/driver.ts';
import { comparePublished, listsPublishedNodes } from './compare-published.ts';
import { type AttacherDeps, BY_VOLUME, reconcileAttachment, reconcileVolume } from './reconcile.ts';

const ATTACHMENT = 'attachment/';
const VOLUME = 'volume/';
const COMPARE = 'compare';
const COMPARE_EACH_MS = 60_000;

/** The attacher of one driver. */
export function attacherLoop(
  deps: LoopDeps,
  options: { readonly driver: Driver; readonly callTimeoutMs?: number; readonly concurrency?: number },
): Service {
  const { informers } = deps;
  const all: AttacherDeps = {
    ...deps,
    driver: options.driver,
    callTimeoutMs: options.callTimeoutMs ?? 15_000,
    suspects: new Set(),
    caches: {
      attachments: informers.informer(volumeAttachments, {
        [BY_VOLUME]: (a) => [a.spec.source.persistentVolumeName ?? ''],
      }),
      volumes: informers.informer(persistentVolumes),
      csiNodes: informers.informer(csiNodes),
    },
  };
  let wake: (key: string) => void = () => undefined;
  const loop = runLoop(deps, {
    name: `attacher-${options.driver.name}`,
    concurrency: options.concurrency ?? 10,
    reconcile: (key, signal) => {
      if (key === COMPARE) return comparePublished(all, (name) => wake(ATTACHMENT + name), signal);
      return key.startsWith(ATTACHMENT)
        ? reconcileAttachment(all, key.slice(ATTACHMENT.length), signal)
        : reconcileVolume(all, key.slice(VOLUME.length), signal);
    },
    connect: (enqueue) => {
      wake = enqueue;
      if (listsPublishedNodes(all)) enqueue(COMPARE);
      return [
        all.caches.attachments.subscribe(({ object }) => {
          enqueue(ATTACHMENT + object.metadata.name);
          enqueue(VOLUME + (object.spec.source.persistentVolumeName ?? ''));
        }),
        all.caches.volumes.subscribe(({ object }) => {
          enqueue(VOLUME + object.metadata.name);
          for (const a of all.caches.attachments.byIndex(BY_VOLUME, object.metadata.name)) {
            enqueue(ATTACHMENT + a.metadata.name);
          }
        }),
        all.caches.csiNodes.subscribe(({ object }) => {
          for (const a of all.caches.attachments.list()) {
            if (a.spec.nodeName === object.metadata.name) enqueue(ATTACHMENT + a.metadata.name);
          }
        }),
      ];
    },
  });
  return {
    name: loop.name,
    async run(signal) {
      const look = listsPublishedNodes(all)
        ? regularly(deps, () => wake(COMPARE), signal)
        : Promise.resolve();
      await Promise.all([loop.run(signal), look]);
    },
  };
}

async function regularly({ clock }: LoopDeps, look: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, COMPARE_EACH_MS, 'periodic', signal);
    look();
  }
}
