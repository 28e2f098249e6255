// The mount records of this node: on disk first, then in memory. The agent is their only writer, so after `load` the
// copy in memory is what the disk holds.
import type { Log } from '#base/log.ts';
import type { Files } from '#files/files.ts';
import {
  decodeRecord,
  encodeRecord,
  type MountRecord,
  type PublishRecord,
  recordFile,
  type StageRecord,
} from './mount-record.ts';

export class RecordStore {
  readonly #files: Files;
  readonly #directory: string;
  readonly #log: Log;
  readonly #publishes = new Map<string, PublishRecord>();
  readonly #stages = new Map<string, StageRecord>();

  constructor(deps: { readonly files: Files; readonly directory: string; readonly log: Log }) {
    this.#files = deps.files;
    this.#directory = deps.directory;
    this.#log = deps.log;
  }

  /** Reads what an earlier agent left. A file that is no record is reported and left alone. */
  async load(): Promise<void> {
    await this.#files.makeDirectory(this.#directory, { mode: 0o700 });
    for (const name of await this.#files.list(this.#directory)) {
      if (!name.endsWith('.json')) continue;
      const bytes = await this.#files.read(`${this.#directory}/${name}`);
      const record = bytes && decodeRecord(bytes);
      if (record === undefined) this.#log.warn('a mount record cannot be read: left alone', { file: name });
      else this.#remember(record);
    }
  }

  publishes(): readonly PublishRecord[] {
    return [...this.#publishes.values()];
  }
  stages(): readonly StageRecord[] {
    return [...this.#stages.values()];
  }
  publish(key: string): PublishRecord | undefined {
    return this.#publishes.get(key);
  }
  stage(key: string): StageRecord | undefined {
    return this.#stages.get(key);
  }

  /** Synced when it resolves. */
  async save(record: MountRecord): Promise<void> {
    await this.#files.write(`${this.#directory}/${recordFile(record)}`, encodeRecord(record));
    this.#remember(record);
  }

  async remove(record: MountRecord): Promise<void> {
    await this.#files.remove(`${this.#directory}/${recordFile(record)}`);
    if (record.kind === 'publish') this.#publishes.delete(record.key);
    else this.#stages.delete(record.key);
  }

  #remember(record: MountRecord): void {
    if (record.kind === 'publish') this.#publishes.set(record.key, record);
    else this.#stages.set(record.key, record);
  }
}
