// Writes a set of files into a directory so that a reader sees the old set or the new, never a mixture.
//
//   target/..2026_11_21_10_00_00.7/   the payload, a fresh directory for each change
//   target/..data -> ..2026_…         flipped by rename
//   target/key    -> ..data/key       what a container opens; one link for each first path element
import type { Clock } from '#base/clock.ts';
import type { RemoveOwnedTree, Tree } from './tree.ts';
import { VolumeError } from './volume-type.ts';

export interface PayloadFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
}
/** Relative path to file. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DATA = '..data';
/** A payload directory of this writer's; anything else that `..data` may name is somebody else's work. */
const OWN_NAME = /^\.\.[0-9_]+\.\d+$/;
const DATA_NEW = '..data_tmp';
// Limits of Linux: PATH_MAX and NAME_MAX.
const MAX_PATH = 4096;
const MAX_NAME = 255;

/** The cleaned path; rejects what would leave the directory or collide with the writer's own names. */
export function cleanPayloadPath(path: string): string {
  const refuse = (why: string): never => {
    throw new VolumeError('invalid', `Cannot write volume file "${path}": ${why}`);
  };
  if (path === '') refuse('the path is empty: a relative path is needed');
  if (path.startsWith('/')) refuse('the path is absolute: a relative path is needed');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0) refuse('the path names no file');
  if (parts.includes('..')) refuse('the path contains "..": a path inside the volume is needed');
  if (parts[0]?.startsWith('..') === true) refuse('the first element starts with "..": that is reserved');
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME)) {
    refuse(`an element is longer than ${MAX_NAME} bytes`);
  }
  const cleaned = parts.join('/');
  if (Buffer.byteLength(cleaned) > MAX_PATH) refuse(`the path is longer than ${MAX_PATH} bytes`);
  return cleaned;
}

export interface AtomicWriterDeps {
  readonly tree: Tree;
  readonly clock: Clock;
  readonly removeOwnedTree: RemoveOwnedTree;
}

/** Makes `directory` (which exists) hold exactly `payload`. Resolves with false when it already did. */
export async function writePayload(
  deps: AtomicWriterDeps,
  directory: string,
  payload: Payload,
): Promise<boolean> {
  const cleaned = new Map([...payload].map(([path, file]) => [cleanPayloadPath(path), file]));
  const { tree } = deps;
  const current = await tree.readLink(`${directory}/${DATA}`);
  if (
    current !== undefined &&
    OWN_NAME.test(current) &&
    (await holds(tree, `${directory}/${current}`, cleaned))
  ) {
    await linkFirstElements(tree, directory, cleaned);
    return false;
  }
  const fresh = await freshDirectory(deps, directory);
  await writeFiles(tree, `${directory}/${fresh}`, cleaned);
  await tree.unlink(`${directory}/${DATA_NEW}`);
  await tree.symlink(fresh, `${directory}/${DATA_NEW}`);
  await tree.rename(`${directory}/${DATA_NEW}`, `${directory}/${DATA}`);
  await linkFirstElements(tree, directory, cleaned);
  await removeStale(deps, directory, { fresh, payload: cleaned });
  return true;
}

async function freshDirectory({ tree, clock }: AtomicWriterDeps, directory: string): Promise<string> {
  const stamp = new Date(clock.now()).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '_');
  for (let attempt = 0; ; attempt++) {
    const name = `..${stamp}.${attempt}`;
    if ((await tree.kind(`${directory}/${name}`)) !== undefined) continue;
    await tree.makeDirectory(`${directory}/${name}`, 0o755);
    return name;
  }
}

async function writeFiles(tree: Tree, directory: string, payload: Payload): Promise<void> {
  for (const [path, file] of payload) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = `${directory}/${parts.slice(0, depth).join('/')}`;
      if ((await tree.kind(parent)) === undefined) await tree.makeDirectory(parent, 0o755);
    }
    await tree.createFile(`${directory}/${path}`, file.bytes, file.mode);
  }
}

/** Every file below `directory` as relative paths. */
async function filesBelow(tree: Tree, directory: string, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (const name of await tree.list(`${directory}/${prefix}`)) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    if ((await tree.kind(`${directory}/${path}`)) === 'directory') {
      found.push(...(await filesBelow(tree, directory, path)));
    } else {
      found.push(path);
    }
  }
  return found;
}

async function holds(tree: Tree, directory: string, payload: Payload): Promise<boolean> {
  const present = await filesBelow(tree, directory);
  if (present.length !== payload.size) return false;
  for (const path of present) {
    const wanted = payload.get(path);
    if (wanted === undefined || (await tree.kind(`${directory}/${path}`)) !== 'file') return false;
    const bytes = await tree.readFile(`${directory}/${path}`);
    if (bytes === undefined || Buffer.compare(bytes, wanted.bytes) !== 0) return false;
    // The group walk of fsGroup adds group bits; a changed mode is one that lost bits it should have.
    if (((await tree.mode(`${directory}/${path}`)) & wanted.mode) !== wanted.mode) return false;
  }
  return true;
}

function firstElements(payload: Payload): Set<string> {
  return new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
}

async function linkFirstElements(tree: Tree, directory: string, payload: Payload): Promise<void> {
  for (const first of firstElements(payload)) {
    if ((await tree.kind(`${directory}/${first}`)) === undefined) {
      await tree.symlink(`${DATA}/${first}`, `${directory}/${first}`);
    }
  }
}

async function removeStale(
  { tree, removeOwnedTree }: AtomicWriterDeps,
  directory: string,
  now: { readonly fresh: string; readonly payload: Payload },
): Promise<void> {
  const links = firstElements(now.payload);
  for (const name of await tree.list(directory)) {
    if (name === DATA || name === now.fresh || links.has(name)) continue;
    const path = `${directory}/${name}`;
    const kind = await tree.kind(path);
    if (name.startsWith('..') && kind === 'directory') await removeOwnedTree(path);
    else if (kind === 'symlink') await tree.unlink(path);
  }
}
