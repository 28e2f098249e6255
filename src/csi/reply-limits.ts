// What a plugin may answer: the field limits of the CSI specification, checked before anything is stored or passed on.
// Strings 128 bytes, maps of strings 4 KiB, node ids 256 bytes, topology keys and values in the form of labels.
import type { GrpcMessage } from '#transport/grpc.ts';

const MAX_STRING_BYTES = 128;
const MAX_NODE_ID_BYTES = 256;
const MAX_MAP_BYTES = 4096;
// A condition's message is text for people and has no limit of its own; it is cut where it is shown.
const UNLIMITED: ReadonlySet<string> = new Set(['message']);
const NODE_IDS: ReadonlySet<string> = new Set(['nodeId', 'publishedNodeIds']);

/** The first thing in a reply that the specification forbids, in words; undefined when there is none. */
export function checkReply(method: string, reply: GrpcMessage): string | undefined {
  return checkMessage(reply) ?? checkMethod(method, reply);
}

function checkMessage(message: object): string | undefined {
  for (const [name, value] of Object.entries(message)) {
    const broken = checkField(name, value);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function checkField(name: string, value: unknown): string | undefined {
  if (typeof value === 'string') return checkString(name, value);
  if (Array.isArray(value)) {
    for (const element of value) {
      const broken = checkField(name, element);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  return MAP_CHECKS[name]?.(name, value) ?? (name in MAP_CHECKS ? undefined : checkMessage(value));
}

// In the replies of CSI these fields, and no others, are maps.
const MAP_CHECKS: Readonly<Record<string, (name: string, map: object) => string | undefined>> = {
  manifest: checkMap,
  volumeContext: checkMap,
  publishContext: checkMap,
  parameters: checkMap,
  mutableParameters: checkMap,
  segments: (name, map) => checkMap(name, map) ?? checkSegments(map),
};

function checkString(name: string, value: string): string | undefined {
  if (UNLIMITED.has(name)) return undefined;
  const limit = NODE_IDS.has(name) ? MAX_NODE_ID_BYTES : MAX_STRING_BYTES;
  const bytes = Buffer.byteLength(value);
  return bytes <= limit ? undefined : `"${name}" has ${bytes} bytes, at most ${limit} are allowed`;
}

function checkMap(name: string, map: object): string | undefined {
  let bytes = 0;
  for (const [key, value] of Object.entries(map))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  return bytes <= MAX_MAP_BYTES
    ? undefined
    : `"${name}" has ${bytes} bytes, at most ${MAX_MAP_BYTES} are allowed`;
}

const LABEL = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const DNS_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/i;

function checkSegments(segments: object): string | undefined {
  const seen = new Set<string>();
  const prefixes = new Set<string>();
  for (const [key, value] of Object.entries(segments)) {
    const broken = checkTopologyKey(key) ?? checkTopologyValue(key, String(value));
    if (broken !== undefined) return broken;
    const folded = key.toLowerCase();
    if (seen.has(folded)) return `the topology key ${quoted(key)} differs from another one only by case`;
    seen.add(folded);
    prefixes.add(folded.includes('/') ? folded.slice(0, folded.indexOf('/')) : '');
  }
  return prefixes.size > 1 ? 'the topology keys of one segment have different prefixes' : undefined;
}

function checkTopologyKey(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const fine =
    name.length <= 63 &&
    LABEL.test(name) &&
    (prefix === undefined || (prefix.length <= 63 && DNS_NAME.test(prefix)));
  return fine
    ? undefined
    : `the topology key ${quoted(key)} is no label key with parts of at most 63 characters`;
}

function checkTopologyValue(key: string, value: string): string | undefined {
  const fine = value.length <= 63 && LABEL.test(value);
  return fine
    ? undefined
    : `the topology value ${quoted(value)} of ${quoted(key)} is no label value of 1 to 63 characters`;
}

function checkMethod(method: string, reply: GrpcMessage): string | undefined {
  const required = REQUIRED[method];
  if (required === undefined) return undefined;
  const found = required.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
    reply,
  );
  return found === '' || found === undefined || found === null
    ? `"${required.join('.')}" is empty`
    : undefined;
}

// What the specification calls REQUIRED in a reply and what nobody could go on without.
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  getPluginInfo: ['name'],
  createVolume: ['volume', 'volumeId'],
  createSnapshot: ['snapshot', 'snapshotId'],
  createVolumeGroupSnapshot: ['groupSnapshot', 'groupSnapshotId'],
  nodeGetInfo: ['nodeId'],
};

/** Foreign text in a message: bounded, control characters escaped. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
