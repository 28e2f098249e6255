import { afterAll } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from '#testing/contracts/store.ts';
import { openLmdbStore } from './lmdb.ts';

const root = await mkdtemp(join(tmpdir(), 'holdfast-lmdb-'));
let stores = 0;
afterAll(() => rm(root, { recursive: true }));

const held = { [Symbol.dispose]: () => undefined };
const onFailure = (error: Error): never => {
  throw error;
};

storeContract({
  name: 'lmdb',
  open: () => openLmdbStore(join(root, String(stores++)), { held, onFailure }),
  modelRuns: 25,
});
