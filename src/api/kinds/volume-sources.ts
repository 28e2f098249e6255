// Which members of a volume's or PersistentVolume's spec are sources, and the checks that several sources share.
import type { Field } from './field.ts';
import { projectedPathProblems } from './grammar.ts';
import type { Problems } from './problems.ts';

/** Members of PersistentVolumeSpec that name a backend. */
export const VOLUME_SOURCES = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'hostPath',
  'iscsi',
  'local',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
] as const;

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Exactly one of `names` under `at`; returns the first that is there. */
export function checkOneSource(problems: Problems, at: Field, names: readonly string[]): Field | undefined {
  const [first, ...more] = names.map((name) => at.child(name)).filter((field) => field.present);
  if (first === undefined) problems.required(at, 'must specify a volume type');
  for (const field of more) problems.forbidden(field, 'may not specify more than 1 volume type');
  return first;
}

export function checkHostPath(problems: Problems, source: Field): void {
  const path = source.child('path');
  if (path.text === '') problems.required(path);
  else if (path.text.split('/').includes('..')) problems.invalid(path, "must not contain '..'");
  const type = source.child('type');
  if (!HOST_PATH_TYPES.includes(type.text)) problems.notSupported(type, HOST_PATH_TYPES);
}

export function checkNfs(problems: Problems, source: Field): void {
  const server = source.child('server');
  const path = source.child('path');
  if (server.text === '') problems.required(server);
  if (path.text === '') problems.required(path);
  else if (!path.text.startsWith('/')) problems.invalid(path, 'must be an absolute path');
}

/** `items` of a ConfigMap, Secret or projection: a key, and a path that stays inside the volume. */
export function checkKeyPaths(problems: Problems, items: Field): void {
  for (const item of items.items) {
    const key = item.child('key');
    const path = item.child('path');
    if (key.text === '') problems.required(key);
    if (path.text === '') problems.required(path);
    else problems.invalidAll(path, projectedPathProblems(path.text));
    checkMode(problems, item.child('mode'));
  }
}

export function checkMode(problems: Problems, mode: Field): void {
  const value = mode.number;
  if (value !== undefined && (value < 0 || value > 0o777)) {
    problems.invalid(mode, 'must be a number between 0 and 0777 (octal), both inclusive');
  }
}
