// Finds CSI node plugins as the kubelet does: each socket in the registry directory is asked GetInfo, its driver is
// described (node id, topology, capabilities), written to Node and CSINode, and told how it went. A replaced socket is
// registered again; a vanished one takes its driver out. Failures are retried by the queue, one key a socket.
import { isJsonObject } from '#api/json.ts';
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { Outcome } from '#client/outcome.ts';
import { WorkQueue } from '#client/work-queue.ts';
import { connectDriver } from '#csi/connect.ts';
import { CSI_PLUGIN_TYPE, connectRegistration, type RegistrationConnection } from '#csi/registration.ts';
import type { PluginInfo } from '#csi/generated/plugin-registration.ts';
import type { GrpcTransport } from '#transport/grpc.ts';
import { changeCsiNode, csiNodeDriver } from '../node/csi-node.ts';
import type { NodeWriter } from '../node/node-writer.ts';
import type { DriverRegistry, RegisteredDriver } from './driver-registry.ts';
import type { SocketDirectory, SocketEntry } from './socket-directory.ts';

export interface PluginWatcherDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly api: ApiClient;
  readonly grpc: GrpcTransport;
  readonly sockets: SocketDirectory;
  /** The registry directory. */
  readonly directory: string;
  readonly drivers: DriverRegistry;
  readonly node: NodeWriter;
}

const CALL_MS = 10_000;
/** inotify may miss an event on some file systems: look again. */
const RESCAN_MS = 30_000;
/** A driver that is just starting answers within tens of milliseconds. */
const BACKOFF = { firstMs: 20, maxMs: 30_000 };
const OWNER_ROOT = 0;

export class PluginWatcher {
  readonly #deps: PluginWatcherDeps;
  readonly #queue: WorkQueue;
  readonly #registered = new Map<string, string>();

  constructor(deps: PluginWatcherDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      ...deps,
      name: 'plugins',
      concurrency: 4,
      backoff: BACKOFF,
      reconcile: (socket) => this.#reconcile(socket),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { sockets, directory, clock, node } = this.#deps;
    await sockets.prepare(directory);
    const watching = sockets.watch(directory, () => void this.#scan());
    node.onChange(() => this.#scanWhenRegistered());
    const rescan = (): void => {
      if (signal.aborted) return;
      void this.#scan();
      clock.after(RESCAN_MS, 'periodic', rescan);
    };
    rescan();
    await this.#queue.run(signal);
    watching[Symbol.dispose]();
    await this.#deps.drivers.clear();
  }

  #nodeUid: string | undefined;
  /** Sockets found before the Node exists have to wait for it; a Node made anew has to be told again. */
  #scanWhenRegistered(): void {
    const uid = this.#deps.node.node?.metadata.uid;
    if (uid === undefined || uid === this.#nodeUid) return;
    // Another Node: it has neither the labels nor the CSINode that were written for the last.
    if (this.#nodeUid !== undefined) this.#registered.clear();
    this.#nodeUid = uid;
    void this.#scan();
  }

  async #scan(): Promise<void> {
    const { sockets, directory, log } = this.#deps;
    try {
      const found = await sockets.list(directory);
      const names = new Set(found.map(({ name }) => name));
      for (const { name, identity } of found) {
        if (this.#registered.get(name) !== identity) this.#queue.enqueue(name);
      }
      for (const name of this.#registered.keys()) if (!names.has(name)) this.#queue.enqueue(name);
    } catch (error) {
      log.warn('the plugin registry cannot be listed', { error: messageOf(error) });
    }
  }

  async #reconcile(socket: string): Promise<Outcome> {
    const { sockets, directory, node, log } = this.#deps;
    const entry = (await sockets.list(directory)).find(({ name }) => name === socket);
    if (entry === undefined) {
      await this.#deregister(socket);
      return { kind: 'settled' };
    }
    if (this.#registered.get(socket) === entry.identity) return { kind: 'settled' };
    if (entry.uid !== OWNER_ROOT) {
      log.error('a registration socket is not owned by root: refused', { socket, uid: entry.uid });
      this.#registered.set(socket, entry.identity);
      return { kind: 'settled' };
    }
    if (node.node === undefined)
      return { kind: 'blocked', because: 'node-not-registered', retryAfterMs: 1000 };
    return this.#register(entry);
  }

  async #register(entry: SocketEntry): Promise<Outcome> {
    const { grpc, directory } = this.#deps;
    await using registration = connectRegistration(grpc, `${directory}/${entry.name}`);
    const info = await registration.getInfo({ timeoutMs: CALL_MS });
    try {
      await this.#admit(entry, info);
    } catch (error) {
      await this.#refuse(registration, messageOf(error));
      return { kind: 'failed', error };
    }
    this.#registered.set(entry.name, entry.identity);
    await registration.notify({ pluginRegistered: true, error: '' }, { timeoutMs: CALL_MS });
    this.#deps.log.info('a driver has registered', { driver: info.name, socket: entry.name });
    return { kind: 'settled' };
  }

  async #admit(entry: SocketEntry, info: PluginInfo): Promise<void> {
    const { drivers, directory, grpc } = this.#deps;
    if (info.type !== CSI_PLUGIN_TYPE) throw new Error(`Plugin type "${info.type}": CSIPlugin is needed`);
    if (!info.supportedVersions.some((version) => /^v?1(\.|$)/.test(version))) {
      throw new Error(`Driver "${info.name}" supports none of the versions of this node: 1.x is needed`);
    }
    const present = drivers.get(info.name);
    if (present !== undefined && present.socket !== entry.name && (await isAnswering(present))) {
      throw new Error(`Driver "${info.name}" is already registered through socket "${present.socket}"`);
    }
    const endpoint = info.endpoint === '' ? `${directory}/${entry.name}` : info.endpoint;
    const connection = connectDriver(grpc, endpoint);
    try {
      const options = { timeoutMs: CALL_MS };
      const [nodeInfo, { capabilities }] = await Promise.all([
        connection.node.nodeGetInfo({}, options),
        connection.node.nodeGetCapabilities({}, options),
      ]);
      const driver: RegisteredDriver = {
        name: info.name,
        socket: entry.name,
        connection,
        node: connection.node,
        capabilities: new Set(capabilities.flatMap(({ rpc }) => (rpc ? [String(rpc.type)] : []))),
        info: nodeInfo,
      };
      await this.#publish(driver);
      await drivers.put(driver);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Topology labels first: the scheduler must not see a driver whose node lacks its labels. */
  async #publish(driver: RegisteredDriver): Promise<void> {
    const { node, api } = this.#deps;
    const nodeIds = nodeIdAnnotation(node.node?.metadata.annotations?.[NODE_ID_ANNOTATION], driver);
    await node.setLabels(driver.info.accessibleTopology?.segments ?? {}, { [NODE_ID_ANNOTATION]: nodeIds });
    const owner = { nodeName: node.name, nodeUid: node.node?.metadata.uid ?? '' };
    const entry = csiNodeDriver(driver.name, driver.info);
    await changeCsiNode(api, owner, (present) =>
      [...present.filter(({ name }) => name !== driver.name), entry].sort((a, b) =>
        a.name < b.name ? -1 : 1,
      ),
    );
  }

  async #refuse(registration: RegistrationConnection, error: string): Promise<void> {
    // The plugin may be gone by now: the queue tries again anyway.
    await registration
      .notify({ pluginRegistered: false, error }, { timeoutMs: CALL_MS })
      .catch(() => undefined);
  }

  async #deregister(socket: string): Promise<void> {
    const { drivers, api, node, log } = this.#deps;
    const driver = drivers.bySocket(socket);
    if (driver !== undefined) {
      const owner = { nodeName: node.name, nodeUid: node.node?.metadata.uid ?? '' };
      await changeCsiNode(api, owner, (present) => present.filter(({ name }) => name !== driver.name));
      await drivers.remove(driver);
      log.info('a driver has gone', { driver: driver.name, socket });
    }
    this.#registered.delete(socket);
  }
}

/** Upstream's annotation: a JSON object of every driver's node id. */
const NODE_ID_ANNOTATION = 'csi.volume.kubernetes.io/nodeid';

function nodeIdAnnotation(present: string | undefined, { name, info }: RegisteredDriver): string {
  let known: unknown;
  try {
    known = JSON.parse(present ?? '{}');
  } catch {
    // Somebody wrote nonsense: start anew.
  }
  return JSON.stringify({ ...(isJsonObject(known) ? known : {}), [name]: info.nodeId });
}

async function isAnswering(driver: RegisteredDriver): Promise<boolean> {
  try {
    await driver.connection.identity.getPluginInfo({}, { timeoutMs: CALL_MS });
    return true;
  } catch {
    return false;
  }
}
