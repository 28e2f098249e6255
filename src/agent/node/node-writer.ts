// Keeps this node's Node object: creates it, states its status when something changed or the heartbeat is due, and
// knows which volumesInUse the API server has stored. A write without an answer makes that knowledge void until the
// Node has been read again (law 3): the attach protocol rests on it.
//
//   agent: store volumesInUse -> see volumesAttached        attachment: take out of volumesAttached -> read volumesInUse
//
// Whoever comes second sees the other, so a volume is never staged while it is detached.
import type { Node } from '#api/generated/core-v1.ts';
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { Stored } from '#api/object.ts';
import { nodes } from '#api/resources.ts';
import type { Clock } from '#base/clock.ts';
import type { ApiClient } from '#client/api-client.ts';
import { hasReason } from '#client/api-error.ts';
import type { InformerSource } from '#client/informer.ts';
import type { Outcome } from '#client/outcome.ts';
import type { MachineFacts } from './machine.ts';
import {
  NODE_PROMISES,
  type NodeIdentity,
  newNode,
  nodeLabels,
  ownedStatus,
  type Readiness,
} from './node-object.ts';
import { covers } from './same-json.ts';

/** The kubelet's nodeStatusReportFrequency: the Lease carries liveness, so the status is stated rarely. */
const HEARTBEAT_MS = 300_000;

/** Between two statements of a status that the server stores in another form. */
const RESTATE_MS = 10_000;

export interface NodeWriterDeps {
  readonly clock: Clock;
  readonly api: ApiClient;
  readonly identity: NodeIdentity;
  readonly facts: MachineFacts;
  readonly readiness: () => Readiness;
  readonly volumesInUse: () => readonly string[];
}

export class NodeWriter {
  readonly #deps: NodeWriterDeps;
  readonly #listeners = new Set<() => void>();
  #node: Stored<Node> | undefined;
  #lastHeartbeat = Number.NEGATIVE_INFINITY;

  constructor(deps: NodeWriterDeps) {
    this.#deps = deps;
  }

  get name(): string {
    return this.#deps.identity.nodeName;
  }
  /** The newest known state; undefined before registration and after a write without an answer. */
  get node(): Stored<Node> | undefined {
    return this.#node;
  }
  isInUse(volume: string): boolean {
    return this.#node?.status?.volumesInUse?.includes(volume) === true;
  }
  isAttached(volume: string): boolean {
    return this.#node?.status?.volumesAttached?.some(({ name }) => name === volume) === true;
  }
  /** Called when the newest state changes. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Follows the Node in the cache. Returns the function that stops it. */
  follow(informers: InformerSource): () => void {
    return informers.informer(nodes).subscribe((event) => {
      if (event.object.metadata.name !== this.name || this.#node === undefined) return;
      if (event.kind === 'deleted') this.#node = undefined;
      else this.#learn(event.object);
      for (const listener of this.#listeners) listener();
    });
  }

  /** One pass: at most one write. */
  async reconcile(signal: AbortSignal): Promise<Outcome> {
    const { api, identity, facts } = this.#deps;
    if (this.#node === undefined) {
      const found = await api.find(nodes, { name: this.name }, signal);
      this.#node = found ?? (await api.create(nodes, newNode(identity, facts), signal));
      return { kind: 'progressed' };
    }
    const labels = nodeLabels(identity, facts);
    const { metadata } = this.#node;
    if (!covers(metadata.labels, labels) || !covers(metadata.annotations, NODE_PROMISES)) {
      await this.#patch({ metadata: { labels, annotations: NODE_PROMISES } }, undefined, signal);
      return { kind: 'progressed' };
    }
    return this.#reconcileStatus(this.#node, signal);
  }

  async #reconcileStatus(node: Stored<Node>, signal: AbortSignal): Promise<Outcome> {
    const { clock, identity, facts, readiness, volumesInUse } = this.#deps;
    const isHeartbeatDue = clock.elapsed() - this.#lastHeartbeat >= HEARTBEAT_MS;
    const wanted = ownedStatus({
      identity,
      facts,
      readiness: readiness(),
      volumesInUse: volumesInUse(),
      previous: node.status ?? {},
      now: clock.now(),
      isHeartbeatDue,
    });
    // The server leaves empty lists out.
    const actual = { volumesInUse: [], ...node.status };
    if (covers(actual, wanted) && !isHeartbeatDue) return { kind: 'settled' };
    const status: unknown = wanted;
    if (!isJsonObject(status)) return { kind: 'settled' };
    await this.#patch({ status }, 'status', signal);
    if (isHeartbeatDue) this.#lastHeartbeat = clock.elapsed();
    const stored = { volumesInUse: [], ...this.#node?.status };
    if (covers(stored, wanted)) return { kind: 'progressed' };
    // OBSERVED: the server keeps something in another form. Writing it again at once would never end.
    return { kind: 'blocked', because: 'the stored status differs', retryAfterMs: RESTATE_MS };
  }

  /** Labels of other owners stay: a merge patch names ours alone. */
  async setLabels(labels: Readonly<Record<string, string>>, annotations: JsonObject): Promise<void> {
    const { metadata } = this.#node ?? {};
    if (covers(metadata?.labels, labels) && covers(metadata?.annotations, annotations)) return;
    await this.#patch({ metadata: { labels, annotations } }, undefined, new AbortController().signal);
  }

  async #patch(patch: JsonObject, subresource: 'status' | undefined, signal: AbortSignal): Promise<void> {
    try {
      const written = await this.#deps.api.patch(
        nodes,
        { name: this.name },
        { type: 'strategic', patch, ...(subresource === undefined ? {} : { subresource }) },
        signal,
      );
      this.#learn(written);
    } catch (error) {
      if (!hasReason(error, 'Conflict')) this.#node = undefined;
      throw error;
    } finally {
      for (const listener of this.#listeners) listener();
    }
  }

  /** Keeps the newer of what is known and `node`; another UID is another Node. */
  #learn(node: Stored<Node>): void {
    const known = this.#node;
    const isOlder =
      known?.metadata.uid === node.metadata.uid &&
      Number(node.metadata.resourceVersion) < Number(known.metadata.resourceVersion);
    if (!isOlder) this.#node = node;
  }
}
