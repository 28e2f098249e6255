// Records of one kind as JSON files in a directory of their own, by id.
import type { Files } from '#files/files.ts';

export interface RecordStore<Id extends string, R> {
  read(id: Id): Promise<R | undefined>;
  write(id: Id, record: R): Promise<void>;
  remove(id: Id): Promise<void>;
  /** Every record, by id. */
  list(): Promise<readonly R[]>;
}

export function recordStore<Id extends string, R extends object>(
  files: Files,
  of: {
    readonly directory: string;
    readonly parse: (text: string) => Id | undefined;
    readonly decode: (bytes: Uint8Array, path: string) => R;
  },
): RecordStore<Id, R> {
  const pathOf = (id: Id): string => `${of.directory}/${id}.json`;
  const read = async (id: Id): Promise<R | undefined> => {
    const bytes = await files.read(pathOf(id));
    return bytes === undefined ? undefined : of.decode(bytes, pathOf(id));
  };
  return {
    read,
    write: (id, record) => files.write(pathOf(id), Buffer.from(`${JSON.stringify(record)}\n`)),
    remove: (id) => files.remove(pathOf(id)),
    async list() {
      const names = await files.list(of.directory);
      const ids = names.map((name) => of.parse(name.replace(/\.json$/, ''))).filter((id) => id !== undefined);
      const records = await Promise.all(ids.toSorted().map(read));
      return records.filter((record) => record !== undefined);
    },
  };
}
