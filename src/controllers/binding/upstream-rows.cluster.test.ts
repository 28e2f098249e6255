// The rows of Kubernetes' binder tables, each as the state it begins with and the one it comes to rest in: the real loop
// over the real server, so a row of a single sync upstream is here what the loop makes of it in the end.
//
//   volume: `v 1Gi Available`                                     free
//           `v 1Gi Bound c@uid-c ours`                            bound to claim c; `ours`: marked bound-by-controller
//   claim:  `c 1Gi Pending`, `c 1Gi Bound v=10Gi ours completed`  the size it asks for; the volume and the size it has
import { afterEach, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { JsonObject } from '#api/json.ts';
import { servedKinds } from '#api/kinds/index.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE } from '#rules/well-known.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { bindingLoop } from './connect.ts';

type Extra = { readonly spec?: JsonObject; readonly labels?: JsonObject; readonly annotations?: JsonObject };

const AT = '2026-01-01T00:00:00Z';
const mark = (words: readonly string[]): JsonObject => ({
  ...(words.includes('ours') && { [BOUND_BY_CONTROLLER]: 'yes' }),
  ...(words.includes('completed') && { [BIND_COMPLETED]: 'yes' }),
});

/** `v 1Gi Bound c@uid-c ours` as the stored object. */
function volume(text: string, extra: Extra = {}): JsonObject {
  const [name = '', storage = '', phase = '', ...words] = text.split(' ');
  const [claim, uid] = (words.find((word) => word !== 'ours') ?? '').split('@');
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace: 'default', name: claim };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      uid: `uid-${name}`,
      creationTimestamp: AT,
      annotations: { ...mark(words), ...extra.annotations },
      ...(extra.labels && { labels: extra.labels }),
    },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: `/${name}` },
      ...(claim !== '' && { claimRef: uid === undefined ? claimRef : { ...claimRef, uid } }),
      ...extra.spec,
    },
    status: { phase },
  };
}

/** `c 1Gi Bound v=1Gi ours completed` as the stored object. */
function claim(text: string, extra: Extra = {}): JsonObject {
  const [name = '', storage = '', phase = '', ...words] = text.split(' ');
  const [on = '', has] = (words.find((word) => word !== 'ours' && word !== 'completed') ?? '').split('=');
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      namespace: 'default',
      name,
      uid: `uid-${name}`,
      creationTimestamp: AT,
      annotations: { ...mark(words), ...extra.annotations },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage } },
      ...(on !== '' && { volumeName: on }),
      ...extra.spec,
    },
    status: {
      phase,
      ...(has !== undefined && { capacity: { storage: has }, accessModes: ['ReadWriteOnce'] }),
    },
  };
}

const marks = (annotations: Readonly<Record<string, string>> = {}): string =>
  (annotations[BOUND_BY_CONTROLLER] === 'yes' ? ' ours' : '') +
  (annotations[BIND_COMPLETED] === 'yes' ? ' completed' : '');

function volumeText({ metadata, spec, status }: PersistentVolume): string {
  const ref = spec?.claimRef;
  const uid = ref?.uid === undefined || ref.uid === '' ? '' : `@${ref.uid}`;
  const to = ref === undefined ? '' : ` ${ref.name ?? ''}${uid}`;
  return `${metadata.name} ${spec?.capacity?.['storage']} ${status?.phase}${to}${marks(metadata.annotations)}`;
}

function claimText({ metadata, spec, status }: PersistentVolumeClaim): string {
  const size = status?.capacity?.['storage'];
  const on =
    spec?.volumeName === undefined ? '' : ` ${spec.volumeName}${size === undefined ? '' : `=${size}`}`;
  const asked = spec?.resources?.requests?.['storage'];
  return `${metadata.name} ${asked} ${status?.phase}${on}${marks(metadata.annotations)}`;
}

const BLOCK = { spec: { volumeMode: 'Block' } };
const FILES = { spec: { volumeMode: 'Filesystem' } };
const SELECTOR = { spec: { selector: { matchLabels: { foo: 'true', bar: 'false' } } } };
const LABELS = { labels: { foo: 'true', bar: 'false' } };
const inClass = (storageClassName: string): Extra => ({ spec: { storageClassName } });
const withAttributes = (volumeAttributesClassName: string): Extra => ({
  spec: { volumeAttributesClassName },
});
const DELAYED = inClass('later');

interface Row {
  /** Of Kubernetes' table. */
  readonly row: string;
  readonly rule: string;
  readonly when: string;
  readonly begins: readonly JsonObject[];
  readonly ends: readonly string[];
  /** Reasons of the events that are told; none when it is absent. */
  readonly told?: readonly string[];
}

const rows: readonly Row[] = [
  // Set 1: the claim takes any volume.
  {
    row: '1-1',
    rule: 'BND12',
    when: 'one volume fits',
    begins: [volume('v 1Gi Available'), claim('c 1Gi Pending')],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed'],
  },
  {
    row: '1-2',
    rule: 'BND15',
    when: 'the volume is too small',
    begins: [volume('v 1Gi Pending'), claim('c 10Gi Pending')],
    ends: ['v 1Gi Available', 'c 10Gi Pending'],
    told: ['FailedBinding'],
  },
  {
    row: '1-3',
    rule: 'BND19',
    when: 'the claim says Bound and nothing fits',
    begins: [volume('v 1Gi Pending'), claim('c 10Gi Bound')],
    ends: ['v 1Gi Available', 'c 10Gi Pending'],
    told: ['FailedBinding'],
  },
  {
    row: '1-4',
    rule: 'BND12',
    when: 'two fit: the smaller one',
    begins: [volume('a 10Gi Available'), volume('b 1Gi Available'), claim('c 1Gi Pending')],
    ends: ['a 10Gi Available', 'b 1Gi Bound c@uid-c ours', 'c 1Gi Bound b=1Gi ours completed'],
  },
  {
    row: '1-5',
    rule: 'BND11',
    when: 'a larger volume points at it by name',
    begins: [volume('a 10Gi Pending c'), volume('b 1Gi Pending'), claim('c 1Gi Pending')],
    ends: ['a 10Gi Bound c@uid-c', 'b 1Gi Available', 'c 1Gi Bound a=10Gi ours completed'],
  },
  {
    row: '1-6',
    rule: 'BND11',
    when: 'a larger volume points at it by UID',
    begins: [volume('a 10Gi Pending c@uid-c'), volume('b 1Gi Pending'), claim('c 1Gi Pending')],
    ends: ['a 10Gi Bound c@uid-c', 'b 1Gi Available', 'c 1Gi Bound a=10Gi ours completed'],
  },
  {
    row: '1-7',
    rule: 'BND15',
    when: 'the volume points at an earlier claim of its name',
    begins: [volume('v 10Gi Pending c@uid-old'), claim('c 1Gi Pending')],
    ends: ['v 10Gi Released c@uid-old', 'c 1Gi Pending'],
    told: ['FailedBinding'],
  },
  {
    row: '1-8',
    rule: 'BND6',
    when: 'it crashed after the first write',
    begins: [volume('v 1Gi Pending c@uid-c ours'), claim('c 1Gi Pending')],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed'],
  },
  {
    row: '1-9',
    rule: 'BND6',
    when: 'it crashed after the second write',
    begins: [volume('v 1Gi Bound c@uid-c ours'), claim('c 1Gi Pending')],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed'],
  },
  {
    row: '1-10',
    rule: 'BND6',
    when: 'it crashed after the third write',
    begins: [volume('v 1Gi Bound c@uid-c ours'), claim('c 1Gi Pending v ours completed')],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed'],
  },
  {
    row: '1-11',
    rule: 'BND12',
    when: 'its selector matches',
    begins: [volume('v 1Gi Available', LABELS), claim('c 1Gi Pending', SELECTOR)],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed'],
  },
  {
    row: '1-12',
    rule: 'BND15',
    when: 'its selector does not match',
    begins: [volume('v 1Gi Pending'), claim('c 1Gi Pending', SELECTOR)],
    ends: ['v 1Gi Available', 'c 1Gi Pending'],
    told: ['FailedBinding'],
  },
  {
    row: '1-13',
    rule: 'BND14',
    when: 'its class waits for a pod and a volume fits',
    begins: [volume('v 1Gi Pending', DELAYED), claim('c 1Gi Pending', DELAYED)],
    ends: ['v 1Gi Available', 'c 1Gi Pending'],
    told: ['WaitForFirstConsumer'],
  },
  {
    row: '1-14',
    rule: 'BND11',
    when: 'its class waits for a pod and a volume points at it',
    begins: [volume('v 1Gi Pending c', DELAYED), claim('c 1Gi Pending', DELAYED)],
    ends: ['v 1Gi Bound c@uid-c', 'c 1Gi Bound v=1Gi ours completed'],
  },
  {
    row: '1-15',
    rule: 'BND12',
    when: 'the smaller one is being deleted',
    begins: [
      {
        ...volume('a 1Gi Available'),
        metadata: {
          name: 'a',
          uid: 'uid-a',
          creationTimestamp: AT,
          deletionTimestamp: AT,
          finalizers: ['example.com/kept'],
        },
      },
      volume('b 10Gi Available'),
      claim('c 1Gi Pending'),
    ],
    ends: ['a 1Gi Available', 'b 10Gi Bound c@uid-c ours', 'c 1Gi Bound b=10Gi ours completed'],
  },
  {
    row: '1-16',
    rule: 'BND12',
    when: 'the smaller one is Released, Failed or Pending for somebody',
    begins: [
      volume('a 1Gi Released old@uid-old'),
      volume('b 1Gi Failed old@uid-old'),
      volume('d 1Gi Pending other'),
      volume('e 10Gi Available'),
      claim('c 1Gi Pending'),
    ],
    ends: [
      'a 1Gi Released old@uid-old',
      'b 1Gi Failed old@uid-old',
      'd 1Gi Available other',
      'e 10Gi Bound c@uid-c ours',
      'c 1Gi Bound e=10Gi ours completed',
    ],
  },
  // Set 2: the claim names its volume.
  {
    row: '2-1',
    rule: 'BND20',
    when: 'the named volume does not exist',
    begins: [claim('c 10Gi Pending v')],
    ends: ['c 10Gi Pending v'],
  },
  {
    row: '2-2',
    rule: 'BND19',
    when: 'the named volume does not exist and the claim says Bound',
    begins: [claim('c 10Gi Bound v')],
    ends: ['c 10Gi Pending v'],
  },
  {
    row: '2-3',
    rule: 'BND21',
    when: 'the named volume is free',
    begins: [volume('v 1Gi Pending'), claim('c 1Gi Pending v')],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi completed'],
  },
  {
    row: '2-4',
    rule: 'BND23',
    when: 'the named volume points at it by name',
    begins: [volume('v 1Gi Pending c'), claim('c 1Gi Pending v')],
    ends: ['v 1Gi Bound c@uid-c', 'c 1Gi Bound v=1Gi completed'],
  },
  {
    row: '2-5',
    rule: 'BND23',
    when: 'the named volume points at it by UID',
    begins: [volume('v 1Gi Pending c@uid-c'), claim('c 1Gi Pending v')],
    ends: ['v 1Gi Bound c@uid-c', 'c 1Gi Bound v=1Gi completed'],
  },
  {
    row: '2-6',
    rule: 'BND24',
    when: 'the named volume is bound to another claim',
    begins: [
      volume('v 1Gi Bound d@uid-d ours'),
      claim('c 1Gi Bound v'),
      claim('d 1Gi Bound v=1Gi ours completed'),
    ],
    ends: ['v 1Gi Bound d@uid-d ours', 'c 1Gi Pending v', 'd 1Gi Bound v=1Gi ours completed'],
    told: ['FailedBinding'],
  },
  {
    row: '2-8',
    rule: 'BND21',
    when: 'the named volume does not match its selector',
    begins: [volume('v 1Gi Pending'), claim('c 1Gi Pending v', SELECTOR)],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi completed'],
  },
  {
    row: '2-9',
    rule: 'BND22',
    when: 'the named volume is too small',
    begins: [volume('v 1Gi Pending'), claim('c 2Gi Pending v')],
    ends: ['v 1Gi Available', 'c 2Gi Pending v'],
    told: ['VolumeMismatch'],
  },
  {
    row: '2-10',
    rule: 'BND22',
    when: 'the named volume is of another class',
    begins: [volume('v 1Gi Pending', inClass('gold')), claim('c 1Gi Pending v', inClass('silver'))],
    ends: ['v 1Gi Available', 'c 1Gi Pending v'],
    told: ['VolumeMismatch'],
  },
  // Set 3: the claim was bound before.
  {
    row: '3-1',
    rule: 'BND40',
    when: 'its volumeName is gone',
    begins: [claim('c 10Gi Bound ours completed')],
    ends: ['c 10Gi Lost ours completed'],
    told: ['ClaimLost'],
  },
  {
    row: '3-2',
    rule: 'BND41',
    when: 'its volume is gone',
    begins: [claim('c 10Gi Bound v ours completed')],
    ends: ['c 10Gi Lost v ours completed'],
    told: ['ClaimLost'],
  },
  {
    row: '3-3',
    rule: 'BND42',
    when: 'its volume forgot it',
    begins: [volume('v 10Gi Pending'), claim('c 10Gi Pending v ours completed')],
    ends: ['v 10Gi Bound c@uid-c ours', 'c 10Gi Bound v=10Gi ours completed'],
  },
  {
    row: '3-4',
    rule: 'BND44',
    when: 'its volume points at an earlier claim of its name',
    begins: [volume('v 10Gi Pending c@uid-old'), claim('c 10Gi Pending v ours completed')],
    ends: ['v 10Gi Released c@uid-old', 'c 10Gi Lost v ours completed'],
    told: ['ClaimMisbound'],
  },
  {
    row: '3-5',
    rule: 'BND43',
    when: 'its volume points at it and only the phases lag',
    begins: [volume('v 10Gi Pending c@uid-c'), claim('c 10Gi Pending v completed')],
    ends: ['v 10Gi Bound c@uid-c', 'c 10Gi Bound v=10Gi completed'],
  },
  {
    row: '3-6',
    rule: 'BND44',
    when: 'its volume points at another claim',
    begins: [volume('v 10Gi Pending x@uid-x'), claim('c 10Gi Pending v completed')],
    ends: ['v 10Gi Released x@uid-x', 'c 10Gi Lost v completed'],
    told: ['ClaimMisbound'],
  },
  {
    row: '3-7',
    rule: 'BND42',
    when: 'its volume forgot it and does not match its selector',
    begins: [volume('v 10Gi Pending'), claim('c 10Gi Pending v ours completed', SELECTOR)],
    ends: ['v 10Gi Bound c@uid-c ours', 'c 10Gi Bound v=10Gi ours completed'],
  },
  // Set 4: the volume's own road.
  {
    row: '4-1',
    rule: 'BND50',
    when: 'a volume points at nobody',
    begins: [volume('v 10Gi Pending')],
    ends: ['v 10Gi Available'],
  },
  {
    row: '4-2',
    rule: 'BND51',
    when: 'a volume points at a name',
    begins: [volume('v 10Gi Pending c')],
    ends: ['v 10Gi Available c'],
  },
  {
    row: '4-3',
    rule: 'BND52',
    when: 'the claim of a bound volume is gone',
    begins: [volume('v 10Gi Bound c@uid-c')],
    ends: ['v 10Gi Released c@uid-c'],
  },
  {
    row: '4-4',
    rule: 'BND52',
    when: 'another claim has the name',
    begins: [
      volume('v 10Gi Bound c@uid-old'),
      claim('c 10Gi Bound w=10Gi completed'),
      volume('w 10Gi Bound c@uid-c'),
    ],
    ends: ['v 10Gi Released c@uid-old', 'w 10Gi Bound c@uid-c', 'c 10Gi Bound w=10Gi completed'],
  },
  {
    row: '4-5',
    rule: 'BND53',
    when: 'our reservation is not completed',
    begins: [volume('v 10Gi Bound c@uid-c ours'), claim('c 10Gi Pending')],
    ends: ['v 10Gi Bound c@uid-c ours', 'c 10Gi Bound v=10Gi ours completed'],
  },
  {
    row: '4-6',
    rule: 'BND53',
    when: 'the pair is whole and the phase lags',
    begins: [volume('v 10Gi Available c@uid-c'), claim('c 10Gi Bound v=10Gi completed')],
    ends: ['v 10Gi Bound c@uid-c', 'c 10Gi Bound v=10Gi completed'],
  },
  {
    row: '4-7',
    rule: 'BND56',
    when: 'our reservation lost its claim to another volume',
    begins: [
      volume('v 10Gi Bound c@uid-c ours'),
      volume('w 10Gi Bound c@uid-c'),
      claim('c 10Gi Bound w=10Gi completed'),
    ],
    ends: ['v 10Gi Available', 'w 10Gi Bound c@uid-c', 'c 10Gi Bound w=10Gi completed'],
  },
  {
    row: '4-8',
    rule: 'BND57',
    when: "a user's reservation lost its claim to another volume",
    begins: [
      volume('v 10Gi Bound c@uid-c'),
      volume('w 10Gi Bound c@uid-c'),
      claim('c 10Gi Bound w=10Gi completed'),
    ],
    ends: ['v 10Gi Available c', 'w 10Gi Bound c@uid-c', 'c 10Gi Bound w=10Gi completed'],
  },
  {
    row: '4-9',
    rule: 'BND54',
    when: 'a reserved volume is a block device and its claim wants files',
    begins: [volume('v 10Gi Available c', BLOCK), claim('c 10Gi Pending', FILES)],
    ends: ['v 10Gi Available c', 'c 10Gi Pending'],
    told: ['FailedBinding'],
  },
  // Set 13: classes.
  {
    row: '13-1',
    rule: 'BND12',
    when: 'a smaller volume has no class',
    begins: [
      volume('a 1Gi Available'),
      volume('b 10Gi Available', inClass('gold')),
      claim('c 1Gi Pending', inClass('gold')),
    ],
    ends: ['a 1Gi Available', 'b 10Gi Bound c@uid-c ours', 'c 1Gi Bound b=10Gi ours completed'],
  },
  {
    row: '13-2',
    rule: 'BND12',
    when: 'it has no class and a smaller volume has one',
    begins: [volume('a 1Gi Available', inClass('gold')), volume('b 10Gi Available'), claim('c 1Gi Pending')],
    ends: ['a 1Gi Available', 'b 10Gi Bound c@uid-c ours', 'c 1Gi Bound b=10Gi ours completed'],
  },
  {
    row: '13-3',
    rule: 'BND12',
    when: 'a smaller volume has another class',
    begins: [
      volume('a 1Gi Available', inClass('silver')),
      volume('b 10Gi Available', inClass('gold')),
      claim('c 1Gi Pending', inClass('gold')),
    ],
    ends: ['a 1Gi Available', 'b 10Gi Bound c@uid-c ours', 'c 1Gi Bound b=10Gi ours completed'],
  },
  ...[
    { row: '13-4', claimed: '', stored: '' },
    { row: '13-5', claimed: undefined, stored: '' },
    { row: '13-6', claimed: '', stored: undefined },
  ].map(({ row, claimed, stored }) => ({
    row,
    rule: 'BND12',
    when: `the claim's class is ${JSON.stringify(claimed)} and the volume's ${JSON.stringify(stored)}`,
    begins: [
      volume('v 1Gi Available', stored === undefined ? {} : inClass(stored)),
      claim('c 1Gi Pending', claimed === undefined ? {} : inClass(claimed)),
    ],
    ends: ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed'],
  })),
  // TestSyncBlockVolume: every pair of modes, by who chose whom.
  ...(
    [
      ['14-1', 'a block claim and a block volume', BLOCK, BLOCK, true],
      ['14-2', 'a block claim and a volume of files', BLOCK, FILES, false],
      ['14-3', 'a claim of files and a volume of files', FILES, FILES, true],
      ['14-4', 'a claim of files and a block volume', FILES, BLOCK, false],
      ['14-5', 'a claim that says nothing and a volume of files', {}, FILES, true],
      ['14-6', 'a claim that says nothing and a block volume', {}, BLOCK, false],
      ['14-7', 'a claim of files and a volume that says nothing', FILES, {}, true],
      ['14-8', 'a block claim and a volume that says nothing', BLOCK, {}, false],
    ] as const
  ).flatMap(([row, what, claimed, stored, fits]): readonly Row[] => [
    {
      row,
      rule: fits ? 'BND12' : 'BND15',
      when: `${what}, found by the loop`,
      begins: [volume('v 1Gi Available', stored), claim('c 1Gi Pending', claimed)],
      ends: fits
        ? ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi ours completed']
        : ['v 1Gi Available', 'c 1Gi Pending'],
      ...(!fits && { told: ['FailedBinding'] }),
    },
    {
      row: `${row} named`,
      rule: fits ? 'BND21' : 'BND22',
      when: `${what}, named by the claim`,
      begins: [volume('v 1Gi Pending', stored), claim('c 1Gi Pending v', claimed)],
      ends: fits
        ? ['v 1Gi Bound c@uid-c ours', 'c 1Gi Bound v=1Gi completed']
        : ['v 1Gi Available', 'c 1Gi Pending v'],
      ...(!fits && { told: ['VolumeMismatch'] }),
    },
    {
      row: `${row} pointed`,
      rule: fits ? 'BND11' : 'BND13',
      when: `${what}, pointed at by the volume`,
      begins: [volume('v 1Gi Pending c', stored), claim('c 1Gi Pending', claimed)],
      ends: fits
        ? ['v 1Gi Bound c@uid-c', 'c 1Gi Bound v=1Gi ours completed']
        : ['v 1Gi Available c', 'c 1Gi Pending'],
      ...(!fits && { told: ['FailedBinding'] }),
    },
  ]),
  // Attributes classes.
  {
    row: 'attributes-1',
    rule: 'BND12',
    when: 'a smaller volume has another attributes class',
    begins: [
      volume('a 1Gi Available', withAttributes('slow')),
      volume('b 10Gi Available', withAttributes('fast')),
      claim('c 1Gi Pending', withAttributes('fast')),
    ],
    ends: ['a 1Gi Available', 'b 10Gi Bound c@uid-c ours', 'c 1Gi Bound b=10Gi ours completed'],
  },
  {
    row: 'attributes-2',
    rule: 'BND22',
    when: 'the named volume has another attributes class',
    begins: [
      volume('v 1Gi Pending', withAttributes('slow')),
      claim('c 1Gi Pending v', withAttributes('fast')),
    ],
    ends: ['v 1Gi Available', 'c 1Gi Pending v'],
    told: ['VolumeMismatch'],
  },
  {
    row: 'attributes-3',
    rule: 'BND12',
    when: 'it has no attributes class and the volume has one',
    begins: [volume('v 1Gi Pending', withAttributes('slow')), claim('c 1Gi Pending')],
    ends: ['v 1Gi Available', 'c 1Gi Pending'],
    told: ['FailedBinding'],
  },
  // Set 10: until nothing changes.
  {
    row: '10-2',
    rule: 'BND56',
    when: 'two controllers each bound a volume to it',
    begins: [
      volume('v 1Gi Bound c@uid-c ours'),
      volume('w 1Gi Bound c@uid-c ours'),
      claim('c 1Gi Bound v=1Gi ours completed'),
    ],
    ends: ['v 1Gi Bound c@uid-c ours', 'w 1Gi Available', 'c 1Gi Bound v=1Gi ours completed'],
  },
  // Set 12: delayed claims with a node.
  {
    row: '11-18',
    rule: 'BND17',
    when: 'a node was selected for it: no volume is looked for',
    begins: [
      volume('v 1Gi Available', DELAYED),
      claim('c 1Gi Pending', { ...DELAYED, annotations: { [SELECTED_NODE]: 'node-1' } }),
    ],
    ends: ['v 1Gi Available', 'c 1Gi Pending'],
    told: ['ExternalProvisioning'],
  },
];

const stop = { now: new AbortController(), done: Promise.resolve() };
afterEach(async () => {
  stop.now.abort();
  await stop.done;
});

async function run(begins: readonly JsonObject[]) {
  const { server, store, clock } = await testServer();
  const user = inProcessClient(server.handler, 'user');
  await user.create(storageClasses, {
    metadata: { name: 'later' },
    provisioner: 'example.com/later',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  // Through the store, with their defaults: a user cannot write status and UIDs.
  for (const object of begins) {
    const kind = servedKinds.find(({ resource }) => resource.kind === object['kind']);
    const { namespace, name } = object['metadata'] as { readonly namespace?: string; readonly name: string };
    const key = `/registry/core/${kind?.resource.plural}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
    const value = Buffer.from(JSON.stringify(kind?.defaults(object)));
    await store.commit({ compare: [], writes: [{ kind: 'put', key, value }] });
  }
  stop.now = new AbortController();
  const api = inProcessClient(server.handler, 'loops');
  const base = { api, clock, random: seededRandom(1), log: silentLog };
  const informers = createInformerSource(base);
  const told: string[] = [];
  const events = { record: (_about: unknown, { reason }: { reason: string }) => void told.push(reason) };
  const loop = bindingLoop({ ...base, informers, events });
  stop.done = Promise.all([loop.run(stop.now.signal), informers.run(stop.now.signal)]).then(() => undefined);
  await clock.advance(60_000);
  const world = async (): Promise<readonly string[]> => [
    ...(await user.list(persistentVolumes)).items.map(volumeText),
    ...(await user.list(persistentVolumeClaims)).items.map(claimText),
  ];
  return { clock, store, told, world };
}

test.each(rows)(
  '$rule: row $row comes to rest as Kubernetes has it when $when',
  async ({ begins, ends, told = [] }) => {
    const { clock, store, told: heard, world } = await run(begins);
    expect(await world()).toEqual(ends);
    expect([...new Set(heard)]).toEqual(told);
    // BND70: an hour later nothing was written.
    const { revision } = store;
    await clock.advance(3_600_000);
    expect(store.revision).toBe(revision);
  },
);
