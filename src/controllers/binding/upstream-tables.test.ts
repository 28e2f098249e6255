// The rows of Kubernetes' own tables for this loop, carried to their end here: one line for what is there, one for what
// is there afterwards. docs/upstream-tables/binding.md lists the rows, and says where another test proves them.
import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { FreeVolumes } from '#rules/free-volumes.ts';
import { BETA_STORAGE_CLASS, BIND_COMPLETED, BOUND_BY_CONTROLLER } from '#rules/well-known.ts';
import { EXTERNAL_PROVISIONER_FINALIZER, PROVISIONED_BY } from '#rules/well-known.ts';
import { PV_CONTROLLER_FINALIZER, SELECTED_NODE } from '#rules/well-known.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { bindingReconcile } from './reconcile.ts';
import { claimIndexes, podIndexes, volumeIndexes } from './view.ts';

/**
 * `v1 10Gi Bound ->c/u * class=gold`: name, size (1Gi), phase (Available), pointer with or without UID, `*` for bound by
 * the controller; of a claim `+` for bind-completed. What is left out has the value in brackets, or is not there.
 */
type Line = string;

interface Row {
  readonly rule: string;
  /** Its number upstream. */
  readonly row: string;
  /** Whose keys are worked on: the claim's, the volumes' or both. */
  readonly keys: string;
  readonly when: string;
  readonly volumes: readonly Line[];
  /** The claim `c`, whose UID is `u`; undefined: there is none. */
  readonly claim: Line | undefined;
  readonly end: readonly Line[];
  readonly said: readonly string[];
}

const PHASES = ['Available', 'Pending', 'Bound', 'Released', 'Failed', 'Lost', 'none'];

function read(line: Line) {
  const words = line.split(' ').filter((word) => word !== '');
  const valueOf = (key: string): string | undefined =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const pointer = words.find((word) => word.startsWith('->'))?.slice(2);
  const [target = '', uid] = pointer?.split('/') ?? [];
  return {
    size: words.find((word) => /^\d+Gi$/.test(word)) ?? '1Gi',
    phase: words.find((word) => PHASES.includes(word)),
    pointer: pointer === undefined ? undefined : { target, uid },
    has: (word: string) => words.includes(word),
    valueOf,
  };
}

function specOf(line: Line) {
  const { has, valueOf } = read(line);
  const [storageClassName, volumeAttributesClassName] = [valueOf('class'), valueOf('vac')];
  return {
    accessModes: [has('RWX') ? 'ReadWriteMany' : 'ReadWriteOnce'],
    ...(has('Block') ? { volumeMode: 'Block' as const } : {}),
    ...(storageClassName === undefined ? {} : { storageClassName }),
    ...(volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
  };
}

function aVolume(line: Line): PersistentVolume {
  const { size, phase = 'Available', pointer, has, valueOf } = read(line);
  const [name = ''] = line.split(' ');
  const made = valueOf('by');
  const ref = pointer && {
    namespace: 'shop',
    name: pointer.target,
    ...(pointer.uid ? { uid: pointer.uid } : {}),
  };
  const source = has('csi')
    ? { csi: { driver: 'd', volumeHandle: name } }
    : { nfs: { server: 's', path: '/' } };
  return {
    metadata: {
      name,
      finalizers: (valueOf('keeps') ?? '').split(',').filter((one) => one !== ''),
      labels: has('labelled') ? { disk: 'fast' } : {},
      annotations: {
        ...(has('*') ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}),
        ...(made === undefined ? {} : { [PROVISIONED_BY]: made }),
      },
    },
    spec: {
      ...specOf(line),
      ...source,
      capacity: { storage: size },
      persistentVolumeReclaimPolicy: has('Delete') ? 'Delete' : has('Recycle') ? 'Recycle' : 'Retain',
      ...(ref === undefined ? {} : { claimRef: ref }),
    },
    status: phase === 'none' ? {} : { phase: phase as 'Available' },
  };
}

function aClaim(line: Line): PersistentVolumeClaim {
  const { size, phase = 'Pending', pointer, has, valueOf } = read(line);
  const [node, beta] = [valueOf('node'), valueOf('beta')];
  return {
    metadata: {
      namespace: 'shop',
      name: 'c',
      uid: valueOf('uid') ?? 'u',
      annotations: {
        ...(has('*') ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}),
        ...(has('+') ? { [BIND_COMPLETED]: 'yes' } : {}),
        ...(node === undefined ? {} : { [SELECTED_NODE]: node }),
        ...(beta === undefined ? {} : { [BETA_STORAGE_CLASS]: beta }),
      },
    },
    spec: {
      ...specOf(line),
      resources: { requests: { storage: size } },
      ...(pointer === undefined ? {} : { volumeName: pointer.target }),
      ...(has('selects') ? { selector: { matchLabels: { disk: 'fast' } } } : {}),
      ...(has('restored')
        ? { dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' } }
        : {}),
    },
    status: { phase: phase as 'Pending' },
  };
}

function markOf({ metadata }: { metadata: Stored<PersistentVolume>['metadata'] }): string {
  const { [BOUND_BY_CONTROLLER]: ours, [BIND_COMPLETED]: complete } = metadata.annotations ?? {};
  return `${ours === undefined ? '' : ' *'}${complete === undefined ? '' : ' +'}`;
}

function show(volume: Stored<PersistentVolume>): Line {
  const ref = volume.spec?.claimRef;
  const pointer =
    ref === undefined ? '' : ` ->${ref.name ?? ''}${ref.uid === undefined ? '' : `/${ref.uid}`}`;
  return `${volume.metadata.name} ${volume.status?.phase ?? 'none'}${pointer}${markOf(volume)}`;
}

function showClaim(claim: Stored<PersistentVolumeClaim>): Line {
  const { volumeName } = claim.spec ?? {};
  const size = claim.status?.capacity?.['storage'];
  const pointer = volumeName === undefined ? '' : ` ->${volumeName}`;
  return `c ${claim.status?.phase ?? ''}${pointer}${markOf(claim)}${size === undefined ? '' : ` ${size}`}`;
}

function setUp(volumes: readonly Line[], claim: Line | undefined) {
  const api = scriptedApi();
  const said: string[] = [];
  const { informers } = api;
  const events = {
    record: (_about: unknown, { type, reason }: { type: string; reason: string }) =>
      said.push(`${type} ${reason}`),
  };
  const deps = { api, informers, clock: virtualClock(), random: seededRandom(1), log: silentLog, events };
  const caches = {
    claims: informers.informer(persistentVolumeClaims, claimIndexes),
    volumes: informers.informer(persistentVolumes, volumeIndexes),
    free: new FreeVolumes<Stored<PersistentVolume>>(),
    classes: informers.informer(storageClasses),
    pods: informers.informer(pods, podIndexes),
  };
  caches.volumes.subscribe(({ kind, object }) => {
    if (kind === 'deleted') caches.free.remove(object.metadata.name);
    else caches.free.put(object);
  });
  const later = { volumeBindingMode: 'WaitForFirstConsumer' } as const;
  api.seed(storageClasses, { metadata: { name: 'external' }, provisioner: 'vendor.example' });
  api.seed(storageClasses, { metadata: { name: 'internal' }, provisioner: 'kubernetes.io/unknown' });
  api.seed(storageClasses, { metadata: { name: 'wait' }, provisioner: 'vendor.example', ...later });
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const isDefaulted = claim !== undefined && read(claim).has('default');
  if (isDefaulted)
    api.seed(storageClasses, { metadata: { name: 'gold', annotations }, provisioner: 'vendor.example' });
  for (const line of volumes) api.seed(persistentVolumes, aVolume(line));
  if (claim !== undefined) api.seed(persistentVolumeClaims, aClaim(claim));
  const names = volumes.map((line) => line.split(' ')[0] ?? '');
  const reconcile = bindingReconcile(deps, caches);
  const pass = (key: string) => reconcile(key, new AbortController().signal);
  return { api, said, names, pass };
}

async function settle({ names, pass }: ReturnType<typeof setUp>, whose: string): Promise<void> {
  const keys = names.map((name) => `volume/${name}`);
  const chosen = whose === 'claim' ? [] : keys;
  const all = whose === 'volumes' ? chosen : ['claim/shop/c', ...chosen];
  for (let round = 0; round < 20; round++) {
    let isQuiet = true;
    for (const key of all) if ((await pass(key)).kind === 'progressed') isQuiet = false;
    if (isQuiet) return;
  }
  throw new Error(`keys ${all.join(', ')} do not settle`);
}

// rule | row | keys | when | volumes | claim | end | events
const TABLE = `
BND12 | 1-1                       | claim   | a free volume fits                                  | v                                                                                      | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND15 | 1-2                       | claim   | it is too small                                     | v                                                                                      | c 10Gi                    | v Available, c Pending                             | Normal FailedBinding
BND19 | 1-3                       | claim   | the claim says Bound                                | v                                                                                      | c 10Gi Bound              | v Available, c Pending                             | Normal FailedBinding
BND12 | 1-4                       | claim   | two fit                                             | w 10Gi, v                                                                              | c                         | w Available, v Bound ->c/u *, c Bound ->v * + 1Gi  |
BND11 | 1-5                       | claim   | a larger one points by name                         | v 10Gi ->c, w                                                                          | c                         | v Bound ->c/u, w Available, c Bound ->v * + 10Gi   |
BND11 | 1-6                       | claim   | a larger one points by UID                          | v 10Gi ->c/u, w                                                                        | c                         | v Bound ->c/u, w Available, c Bound ->v * + 10Gi   |
BND11 | 1-7                       | claim   | it points at an older claim                         | v 10Gi ->c/old                                                                         | c                         | v Available ->c/old, c Pending                     | Normal FailedBinding
BND6  | 1-8                       | claim   | claimRef was written                                | v ->c/u *                                                                              | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND6  | 1-9                       | claim   | the phase was written                               | v Bound ->c/u *                                                                        | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND6  | 1-10                      | claim   | volumeName was written                              | v Bound ->c/u *                                                                        | c ->v * +                 | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND12 | 1-11                      | claim   | the selector matches                                | v labelled                                                                             | c selects                 | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND15 | 1-12                      | claim   | the selector does not match                         | v                                                                                      | c selects                 | v Available, c Pending                             | Normal FailedBinding
BND14 | 1-13                      | claim   | the class is delayed                                | v class=wait                                                                           | c class=wait              | v Available, c Pending                             | Normal WaitForFirstConsumer
BND11 | 1-14                      | claim   | it points at a delayed claim                        | v ->c class=wait                                                                       | c class=wait              | v Bound ->c/u, c Bound ->v * + 1Gi                 |
BND21 | 1-15                      | claim   | the claim names the larger one                      | v 10Gi, w                                                                              | c ->v                     | v Bound ->c/u *, w Available, c Bound ->v + 10Gi   |
BND22 | 1-16                      | claim   | the named one lacks the mode                        | v                                                                                      | c ->v RWX                 | v Available, c Pending ->v                         | Warning VolumeMismatch
BND12 | 1-17                      | claim   | none is Available                                   | p Pending, f Failed, r Released, e none                                                | c                         | p Pending, f Failed, r Released, e none, c Pending | Normal FailedBinding
BND11 | 1-18                      | claim   | it is reserved and a node selected                  | v ->c/u class=wait                                                                     | c class=wait node=n       | v Bound ->c/u, c Bound ->v * + 1Gi                 |
BND12 | 1-1 with attributes class | claim   | both name it                                        | v vac=a                                                                                | c vac=a                   | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND15 | 1-2 with attributes class | claim   | they name others                                    | v vac=a                                                                                | c vac=b                   | v Available, c Pending                             | Normal FailedBinding
BND12 | 1-1 with attributes class | claim   | an empty one meets none                             | v vac=                                                                                 | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND20 | 2-1                       | claim   | the named one is missing                            |                                                                                        | c ->v                     | c Pending ->v                                      |
BND20 | 2-2                       | claim   | the named one is missing and the claim says Bound   |                                                                                        | c ->v Bound               | c Pending ->v                                      |
BND21 | 2-3                       | claim   | the named one is free                               | v                                                                                      | c ->v                     | v Bound ->c/u *, c Bound ->v + 1Gi                 |
BND23 | 2-4                       | claim   | both point, by name                                 | v ->c                                                                                  | c ->v                     | v Bound ->c/u, c Bound ->v + 1Gi                   |
BND23 | 2-5                       | claim   | both point, by UID                                  | v ->c/u                                                                                | c ->v                     | v Bound ->c/u, c Bound ->v + 1Gi                   |
BND24 | 2-6                       | claim   | the named one is taken                              | v Bound ->x/x                                                                          | c ->v Bound               | v Bound ->x/x, c Pending ->v                       | Normal FailedBinding
BND24 | 2-7                       | claim   | our choice is taken                                 | v Bound ->x/x                                                                          | c ->v Bound *             | v Bound ->x/x, c Pending ->v *                     | Warning FailedBinding
BND21 | 2-8                       | claim   | the selector refuses the named one                  | v                                                                                      | c ->v selects             | v Bound ->c/u *, c Bound ->v + 1Gi                 |
BND22 | 2-9                       | claim   | the named one is too small                          | v                                                                                      | c 2Gi ->v Bound           | v Available, c Pending ->v                         | Warning VolumeMismatch
BND22 | 2-10                      | claim   | the named one has another class                     | v class=gold                                                                           | c ->v Bound               | v Available, c Pending ->v                         | Warning VolumeMismatch
BND40 | 3-1                       | claim   | volumeName is gone                                  |                                                                                        | c Bound * +               | c Lost * +                                         | Warning ClaimLost
BND41 | 3-2                       | claim   | the volume is gone                                  |                                                                                        | c ->v Bound * +           | c Lost ->v * +                                     | Warning ClaimLost
BND42 | 3-3                       | claim   | the volume lost its pointer                         | v                                                                                      | c ->v * +                 | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND44 | 3-4                       | claim   | the volume has an older UID                         | v ->c/old                                                                              | c ->v * +                 | v Available ->c/old, c Lost ->v * +                | Warning ClaimMisbound
BND43 | 3-5                       | claim   | the volume is reserved                              | v ->c/u                                                                                | c ->v +                   | v Bound ->c/u, c Bound ->v + 1Gi                   |
BND44 | 3-6                       | claim   | the volume is another’s                             | v ->x/x                                                                                | c ->v +                   | v Available ->x/x, c Lost ->v +                    | Warning ClaimMisbound
BND42 | 3-7                       | claim   | its selector refuses the volume                     | v                                                                                      | c ->v * + selects         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND12 | 13-1                      | claim   | a smaller one has no class                          | w, v 10Gi class=gold                                                                   | c class=gold              | w Available, v Bound ->c/u *, c Bound ->v * + 10Gi |
BND12 | 13-2                      | claim   | a smaller one has a class                           | w class=gold, v 10Gi                                                                   | c                         | w Available, v Bound ->c/u *, c Bound ->v * + 10Gi |
BND12 | 13-3                      | claim   | a smaller one has another class                     | w class=silver, v 10Gi class=gold                                                      | c class=gold              | w Available, v Bound ->c/u *, c Bound ->v * + 10Gi |
BND12 | 13-4                      | claim   | both say ""                                         | v class=                                                                               | c class=                  | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND12 | 13-5                      | claim   | only the volume says ""                             | v class=                                                                               | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND12 | 13-6                      | claim   | only the claim says ""                              | v                                                                                      | c class=                  | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND12 | 14-1                      | claim   | both are Block                                      | v Block                                                                                | c Block                   | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND15 | 14-3                      | claim   | only the claim is Block                             | v                                                                                      | c Block                   | v Available, c Pending                             | Normal FailedBinding
BND15 | 14-4                      | claim   | only the volume is Block                            | v Block                                                                                | c                         | v Available, c Pending                             | Normal FailedBinding
BND16 | 14-5                      | claim   | the class fits and the mode does not                | v class=gold                                                                           | c Block class=gold        | v Available, c Pending                             | Warning ProvisioningFailed
BND16 | 14-5-1                    | claim   | the mode fits and the class does not                | v class=gold                                                                           | c class=silver            | v Available, c Pending                             | Warning ProvisioningFailed
BND22 | 14-5-2                    | claim   | the named one has another class                     | v class=gold                                                                           | c ->v class=silver        | v Available, c Pending ->v                         | Warning VolumeMismatch
BND11 | 14-7, 14-10               | claim   | a Block one points at a Block claim                 | v Block ->c                                                                            | c Block                   | v Bound ->c/u, c Bound ->v * + 1Gi                 |
BND22 | 14-8                      | claim   | the named one is Block                              | v Block                                                                                | c ->v                     | v Available, c Pending ->v                         | Warning VolumeMismatch
BND13 | 14-8-1                    | claim   | a Block one points at it                            | v Block ->c                                                                            | c                         | v Available ->c, c Pending                         | Normal FailedBinding
BND21 | 14-9                      | claim   | a Block claim names a Block one                     | v Block                                                                                | c ->v Block               | v Bound ->c/u *, c Bound ->v + 1Gi                 |
BND54 | 14-13                     | volumes | reserved for a Block claim                          | v ->c/u *                                                                              | c Block                   | v Available ->c/u *, c Pending                     | Warning VolumeMismatch
BND54 | 14-13-1                   | volumes | a Block one is reserved                             | v Block ->c/u *                                                                        | c                         | v Available ->c/u *, c Pending                     | Warning VolumeMismatch
BND53 | 14-14                     | volumes | reserved, both Block                                | v Block ->c/u *                                                                        | c Block                   | v Available ->c/u *, c Pending                     |
BND53 | 14-14-1                   | volumes | reserved, neither Block                             | v ->c/u *                                                                              | c                         | v Available ->c/u *, c Pending                     |
BND16 | 11-14                     | claim   | the class is unknown                                |                                                                                        | c class=gone              | c Pending                                          | Warning ProvisioningFailed
BND15 | 11-15                     | claim   | the class is ""                                     |                                                                                        | c class=                  | c Pending                                          | Normal FailedBinding
BND15 | 11-16, 15-1               | claim   | no class is named and none is the default           |                                                                                        | c                         | c Pending                                          | Normal FailedBinding
BND17 | 11-17, 12-3               | claim   | the provisioner is external                         |                                                                                        | c class=external          | c Pending                                          | Normal ExternalProvisioning
BND16 | 11-18                     | claim   | the provisioner is in-tree and unknown              |                                                                                        | c class=internal          | c Pending                                          | Warning ProvisioningFailed
BND12 | 11-6, 11-22               | claim   | a free one spares provisioning                      | v class=external                                                                       | c class=external          | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND17 | 11-23, 11-24              | claim   | a node is selected                                  | v class=wait                                                                           | c class=wait node=n       | v Available, c Pending                             | Normal ExternalProvisioning
BND17 | 11-26                     | claim   | it is restored                                      |                                                                                        | c class=external restored | c Pending                                          | Normal ExternalProvisioning
BND50 | 4-1                       | volumes | it is Pending                                       | v Pending                                                                              |                           | v Available                                        |
BND51 | 4-2                       | volumes | it is Pending and points by name                    | v Pending ->c                                                                          |                           | v Available ->c                                    |
BND52 | 4-3                       | volumes | its claim is gone                                   | v Bound ->c/u                                                                          |                           | v Released ->c/u                                   |
BND52 | 4-4                       | volumes | its claim has another UID                           | v Bound ->c/old                                                                        | c ->v Bound +             | v Released ->c/old, c Bound ->v +                  |
BND53 | 4-5                       | volumes | our claim is unbound                                | v Bound ->c/u *                                                                        | c                         | v Bound ->c/u *, c Pending                         |
BND53 | 4-5                       | volumes | the user’s claim is unbound                         | v Bound ->c/u                                                                          | c                         | v Bound ->c/u, c Pending                           |
BND2  | 4-6                       | both    | its claim is Bound                                  | v ->c/u                                                                                | c ->v Bound +             | v Bound ->c/u, c Bound ->v +                       |
BND56 | 4-7                       | volumes | our claim took another                              | v Bound ->c/u *                                                                        | c ->w Bound               | v Available, c Bound ->w                           |
BND57 | 4-8                       | volumes | the user’s claim took another                       | v Bound ->c/u                                                                          | c ->w Bound               | v Available ->c, c Bound ->w                       |
BND51 | 4-8-1                     | volumes | it points by name at one that took another          | v ->c                                                                                  | c ->w Bound               | v Available ->c, c Bound ->w                       |
BND53 | 4-9                       | both    | its policy is Delete and its claim Bound            | v ->c/u Delete                                                                         | c ->v Bound +             | v Bound ->c/u, c Bound ->v +                       |
BND62 | 4-10, 8-3                 | volumes | its claim is gone and nobody deletes                | v ->c/u Delete                                                                         |                           | v Failed ->c/u                                     | Warning VolumeFailedDelete
BND6  | 4-13                      | both    | it is reserved by us                                | v ->c/u *                                                                              | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND11 | 4-14                      | both    | it points by name                                   | v ->c                                                                                  | c                         | v Bound ->c/u, c Bound ->v * + 1Gi                 |
BND13 | 4-15                      | both    | it points by name and is too small                  | v ->c                                                                                  | c 10Gi                    | v Available ->c, c Pending                         | Normal FailedBinding
BND23 | 4-16                      | both    | both point, by UID                                  | v ->c/u                                                                                | c ->v                     | v Bound ->c/u, c Bound ->v + 1Gi                   |
BND23 | 4-17                      | both    | both point and both are ours                        | v ->c/u *                                                                              | c ->v *                   | v Bound ->c/u *, c Bound ->v * + 1Gi               |
BND23 | 4-18                      | both    | both point, by name                                 | v ->c                                                                                  | c ->v                     | v Bound ->c/u, c Bound ->v + 1Gi                   |
BND11 | 4-19                      | both    | it points by name and has another class             | v ->c class=gold                                                                       | c class=silver            | v Bound ->c/u, c Bound ->v * + 1Gi                 |
BND12 | 10-1                      | both    | the volume is new                                   | v Pending                                                                              | c                         | v Bound ->c/u *, c Bound ->v * + 1Gi               | Normal FailedBinding
BND56 | 10-2                      | both    | two are bound for one claim                         | v Bound ->c/u *, w Bound ->c/u *                                                       | c ->v Bound * +           | v Bound ->c/u *, w Available, c Bound ->v * +      |
BND61 | 8-10-1                    | volumes | an external provisioner made it                     | v Bound ->c/u * Delete csi by=vendor.example                                           |                           | v Released ->c/u *                                 |
BND61 | 8-10-2                    | volumes | a CSI volume was made by hand                       | v Bound ->c/u * Delete csi                                                             |                           | v Released ->c/u *                                 |
BND61 | 8-10-3                    | volumes | a driver took its plugin over                       | v Bound ->c/u Delete by=kubernetes.io/gce-pd                                           |                           | v Released ->c/u                                   |
BND55 | 8-12                      | volumes | two were made for one claim                         | v Bound ->c/u Delete csi by=vendor.example, w Bound ->c/u Delete csi by=vendor.example | c ->w Bound               | v Released ->c/u, w Bound ->c/u, c Bound ->w       |
BND62 | 6-3                       | volumes | nobody recycles it                                  | v Bound ->c/u Recycle csi                                                              |                           | v Failed ->c/u                                     | Warning VolumeFailedRecycle
BND18 | 15-5                      | claim   | the default class appeared                          |                                                                                        | c default                 | c Pending                                          | Normal ExternalProvisioning
BND18 | 15-6                      | claim   | it has a class and there is a default               |                                                                                        | c class=gone default      | c Pending                                          | Warning ProvisioningFailed
BND18 | 15-7                      | claim   | it has a class by annotation and there is a default |                                                                                        | c beta=gone default       | c Pending                                          | Warning ProvisioningFailed
BND41 | 15-3                      | claim   | it was bound and there is a default                 |                                                                                        | c Bound ->v + default     | c Lost ->v +                                       | Warning ClaimLost
BND20 | 15-4                      | claim   | it names a volume and there is a default            |                                                                                        | c Bound ->v default       | c Pending ->v                                      |
`;

function rowsOf(table: string): readonly Row[] {
  const lines = table.split('\n').filter((line) => line.includes('|'));
  return lines.map((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    const [rule = '', row = '', keys = '', when = '', volumes = '', claim = '', end = '', said = ''] = cells;
    const list = (cell: string) => (cell === '' ? [] : cell.split(', '));
    const one = claim === '' ? undefined : claim;
    return { rule, row, keys, when, volumes: list(volumes), claim: one, end: list(end), said: list(said) };
  });
}

test.each(rowsOf(TABLE))('$rule: upstream $row, $when', async ({ volumes, claim, keys, end, said }) => {
  const world = setUp(volumes, claim);
  await settle(world, keys);
  const { api, names } = world;
  const left = names.map((name) => api.peek(persistentVolumes, { name }));
  const claimLeft = api.peek(persistentVolumeClaims, { namespace: 'shop', name: 'c' });
  const lines = left.map((volume) => (volume === undefined ? 'gone' : show(volume)));
  expect([...lines, ...(claimLeft === undefined ? [] : [showClaim(claimLeft)])]).toEqual(end);
  expect(world.said).toEqual(said);
});

test.each([
  { row: '4-11', when: 'the cache does not show yet', cached: undefined },
  { row: '4-12', when: 'the cache still shows the older one', cached: 'c uid=old ->v Bound' },
])('BND58: stays with a claim that $when (upstream $row)', async ({ cached }) => {
  const world = setUp(['v ->c/u Delete'], cached);
  world.api.freeze(true);
  world.api.seed(persistentVolumeClaims, aClaim('c ->v Bound'));
  await settle(world, 'volumes');
  expect(world.api.writes).toEqual([]);
});

const OWN = PV_CONTROLLER_FINALIZER;
const EXTERNAL = EXTERNAL_PROVISIONER_FINALIZER;
const IN_TREE = 'by=kubernetes.io/rbd';
test.each([
  { row: '13-1', volume: `Delete csi by=vendor.example keeps=${EXTERNAL}`, left: [EXTERNAL] },
  { row: '13-2', volume: 'Delete csi by=vendor.example', left: [] },
  { row: '13-3', volume: `Delete ${IN_TREE} keeps=x`, left: ['x', OWN] },
  { row: '13-4', volume: `Delete ${IN_TREE}`, left: [OWN] },
  { row: '13-5, 13-8', volume: `Delete ${IN_TREE} keeps=${EXTERNAL}`, left: [OWN] },
  { row: '13-6, 13-9', volume: `Delete ${IN_TREE} keeps=${EXTERNAL},x`, left: ['x', OWN] },
  { row: '13-7', volume: `Delete by=kubernetes.io/gce-pd keeps=${EXTERNAL},${OWN}`, left: [EXTERNAL] },
  { row: '13-10', volume: `Delete keeps=${EXTERNAL}`, left: [EXTERNAL] },
  { row: '13-11, 13-15', volume: 'Delete', left: [] },
  { row: '13-12', volume: IN_TREE, left: [] },
  { row: '13-13', volume: `Recycle ${IN_TREE}`, left: [] },
  { row: '13-14', volume: `${IN_TREE} keeps=${OWN}`, left: [] },
  { row: '5-9, with Retain', volume: `${IN_TREE} keeps=${EXTERNAL}`, left: [] },
])('BND66: upstream $row, a volume "$volume" is left with $left', async ({ volume, left }) => {
  const world = setUp([`v Bound ->c/u ${volume}`], 'c ->v Bound +');
  await settle(world, 'both');
  expect(world.api.peek(persistentVolumes, { name: 'v' })?.metadata.finalizers ?? []).toEqual(left);
});
