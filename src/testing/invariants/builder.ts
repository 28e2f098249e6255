// Small worlds written by hand, for tests of the invariants: a history line by line, with calls in between.
import type { JsonObject } from '#api/json.ts';
import type { GrpcCode } from '#transport/grpc.ts';
import { Backend } from '../simulation/backend.ts';
import type { CsiCall, CsiServiceName } from '../simulation/scripted-csi.ts';
import type { Change } from '../cluster/history.ts';
import type { World, WriteRequest } from './world.ts';

const DRIVER = 'scripted.csi.example';

interface CallParts {
  readonly nodeId?: string;
  readonly code?: GrpcCode;
  readonly reply?: object;
  /** No effect: it was lost or refused. */
  readonly isLost?: boolean;
  /** It never ended. */
  readonly isOpen?: boolean;
}

export class WorldBuilder {
  readonly changes: Change[] = [];
  readonly calls: CsiCall[] = [];
  readonly writes: WriteRequest[] = [];
  readonly userRevisions = new Set<number>();
  readonly backend = new Backend();
  #revision = 1;
  #sequence = 0;
  readonly #now = new Map<string, JsonObject>();

  put(key: string, object: JsonObject): this {
    return this.#change('put', `/registry/core/${key}`, object);
  }

  /** An object of another group than the core. */
  putOf(group: string, key: string, object: JsonObject): this {
    return this.#change('put', `/registry/${group}/${key}`, object);
  }

  drop(key: string): this {
    const full = `/registry/core/${key}`;
    return this.#change('delete', full, this.#now.get(full) ?? {});
  }

  /** What was just written, a user wrote. */
  byUser(): this {
    this.userRevisions.add(this.#revision);
    return this;
  }

  call(service: CsiServiceName, method: string, request: JsonObject, parts: CallParts = {}): this {
    const { nodeId = '', code = 'OK', reply = {}, isLost = false, isOpen = false } = parts;
    const revision = this.#revision;
    const sequence = ++this.#sequence;
    const effects = isLost ? [] : [{ sequence: ++this.#sequence, revision, code: 'OK' as const, reply }];
    const call: CsiCall = { sequence, service, method, nodeId, request, at: 0, revision, effects };
    if (!isOpen) call.end = { sequence: ++this.#sequence, revision, code };
    this.calls.push(call);
    return this;
  }

  write(method: string, path: string, body: JsonObject): this {
    this.writes.push({ by: 'binding', method, path, body });
    return this;
  }

  world(isQuiet = true): World {
    const { changes, calls, backend, writes, userRevisions } = this;
    return {
      driver: DRIVER,
      changes,
      batches: [],
      calls,
      backend,
      writes,
      userRevisions,
      powerOffs: [],
      isQuiet,
    };
  }

  #change(kind: Change['kind'], key: string, object: JsonObject): this {
    const previous = this.#now.get(key);
    if (kind === 'put') this.#now.set(key, object);
    else this.#now.delete(key);
    this.changes.push({ revision: ++this.#revision, kind, key, object, previous });
    return this;
  }
}
