// What happens to a volume whose claim has gone: the decision, and who carries it out.
// Rules RUL81, RUL82 and RUL84 are carried out here too.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import { migratedDriver } from './migration.ts';
import { IN_TREE_PREFIX, PROVISIONED_BY } from './well-known.ts';

export type Reclaim =
  /** The volume stays Released until an administrator acts. */
  | { readonly kind: 'retain' }
  /** The provisioner named on the volume deletes the backend and then the object. */
  | { readonly kind: 'external'; readonly provisioner: string }
  /** Its contents are removed and it is offered again. */
  | { readonly kind: 'recycle' }
  /** Nobody here can do what the policy asks: the volume becomes Failed with this message. */
  | { readonly kind: 'impossible'; readonly reason: string; readonly message: string };

/** Decides by policy and provisioner (RUL80 to RUL83). An unknown policy never deletes anything (I-9). */
export function decideReclaim(volume: PersistentVolume): Reclaim {
  const policy: string = volume.spec?.persistentVolumeReclaimPolicy ?? 'Retain';
  switch (policy) {
    case 'Retain':
      return { kind: 'retain' };
    case 'Delete':
      return decideDelete(volume);
    case 'Recycle':
      return decideRecycle(volume);
    default:
      return impossible('VolumeUnknownReclaimPolicy', `Volume has unrecognized reclaim policy "${policy}"`);
  }
}

/** As upstream: only directories that a pod can mount without a driver can be scrubbed by one. */
function decideRecycle({ spec }: PersistentVolume): Reclaim {
  if (spec?.hostPath !== undefined || spec?.nfs !== undefined) return { kind: 'recycle' };
  return impossible('VolumeFailedRecycle', 'No recycler plugin found for the volume!');
}

function decideDelete(volume: PersistentVolume): Reclaim {
  const named = volume.metadata.annotations?.[PROVISIONED_BY] ?? '';
  const provisioner = migratedDriver(named) ?? named;
  if (provisioner !== '' && !provisioner.startsWith(IN_TREE_PREFIX)) return { kind: 'external', provisioner };
  // Made by hand: it is the driver's business all the same, so the volume is never called Failed.
  const driver = volume.spec?.csi?.driver;
  if (driver !== undefined && provisioner === '') return { kind: 'external', provisioner: driver };
  const name = volume.metadata.name ?? '';
  return impossible(
    'VolumeFailedDelete',
    `Cannot delete volume "${name}": its annotation ${PROVISIONED_BY} is "${provisioner}", needed is the name of ` +
      'a CSI driver that made the volume; delete the backend by hand or set the reclaim policy to Retain',
  );
}

function impossible(reason: string, message: string): Reclaim {
  return { kind: 'impossible', reason, message };
}
