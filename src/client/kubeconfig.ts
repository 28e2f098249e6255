// Reading a kubeconfig: which server, and as whom. Takes text, so that whoever reads files stays elsewhere; names of
// files in it are read through the function that is given.
import { load } from 'js-yaml';
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import { messageOf } from '#base/errors.ts';

/** Where to connect and who we are there. PEM texts; the key and token are never logged. */
export interface Kubeconfig {
  /** `https://127.0.0.1:6443`, perhaps with a path below which the API lives. */
  readonly server: string;
  readonly certificateAuthority?: string;
  readonly certificate?: string;
  readonly privateKey?: string;
  readonly token?: string;
}

export interface KubeconfigOptions {
  /** Absent: `current-context`. */
  readonly context?: string;
  /** Named in messages. */
  readonly path: string;
  /** Reads a file that the kubeconfig names; undefined when it does not exist. */
  readonly readFile: (path: string) => Promise<Uint8Array | undefined>;
}

/** The connection that the current context names. Rejects with a KubeconfigError that says what is missing. */
export async function parseKubeconfig(text: string, options: KubeconfigOptions): Promise<Kubeconfig> {
  const config = parseYaml(text, options.path);
  const contextName = options.context ?? stringOf(config['current-context']);
  const context = named(config, { list: 'contexts', body: 'context', name: contextName }, options.path);
  const cluster = named(
    config,
    { list: 'clusters', body: 'cluster', name: stringOf(context.cluster) },
    options.path,
  );
  const user = named(config, { list: 'users', body: 'user', name: stringOf(context.user) }, options.path);
  const server = stringOf(cluster.server);
  if (server === undefined) throw new KubeconfigError(options.path, 'the cluster has no "server"');
  const authority = await material(cluster, 'certificate-authority', options);
  const certificate = await material(user, 'client-certificate', options);
  const privateKey = await material(user, 'client-key', options);
  const token = stringOf(user.token);
  return {
    server,
    ...(authority === undefined ? {} : { certificateAuthority: authority }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(token === undefined ? {} : { token }),
  };
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
  constructor(path: string, what: string) {
    super(`Reading the kubeconfig "${path}": ${what}`);
  }
}

function parseYaml(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    value = load(text);
  } catch (error) {
    throw new KubeconfigError(path, `it is not YAML: ${messageOf(error)}`);
  }
  if (!isJsonObject(value))
    throw new KubeconfigError(path, 'it is not a YAML mapping: a Config object is needed');
  return value;
}

interface Named {
  readonly list: string;
  readonly body: string;
  readonly name: string | undefined;
}

function named(config: JsonObject, { list, body, name }: Named, path: string): JsonObject {
  if (name === undefined) throw new KubeconfigError(path, `no ${body} is chosen: set "current-context"`);
  const entries: JsonValue | undefined = config[list];
  const entry = Array.isArray(entries)
    ? entries.find((one: JsonValue) => isJsonObject(one) && one.name === name)
    : undefined;
  const found = isJsonObject(entry) ? entry[body] : undefined;
  if (!isJsonObject(found)) throw new KubeconfigError(path, `the ${body} "${name}" is not among its ${list}`);
  return found;
}

/** `<field>-data` (base64) or the file that `<field>` names; embedded data wins, as in client-go. */
async function material(
  from: JsonObject,
  field: string,
  { path, readFile }: KubeconfigOptions,
): Promise<string | undefined> {
  const embedded = stringOf(from[`${field}-data`]);
  if (embedded !== undefined) return Buffer.from(embedded, 'base64').toString('utf8');
  const named = stringOf(from[field]);
  if (named === undefined) return undefined;
  const file = named.startsWith('/') ? named : `${path.slice(0, path.lastIndexOf('/') + 1)}${named}`;
  const bytes = await readFile(file);
  if (bytes === undefined)
    throw new KubeconfigError(path, `the file "${file}" that "${field}" names is missing`);
  return Buffer.from(bytes).toString('utf8');
}

function stringOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
