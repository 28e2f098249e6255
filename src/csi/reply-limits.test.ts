import { describe, expect, it } from 'vitest';
import { checkReply } from './reply-limits.ts';

const long = (bytes: number): string => 'x'.repeat(bytes);
const topology = (segments: Record<string, string>): object => ({
  nodeId: 'n',
  accessibleTopology: { segments },
});

const ROWS: readonly {
  rule: string;
  when: string;
  method: string;
  reply: object;
  broken: RegExp | undefined;
}[] = [
  {
    rule: 'CSI3',
    when: 'a string of 128 bytes',
    method: 'createVolume',
    reply: { volume: { volumeId: long(128) } },
    broken: undefined,
  },
  {
    rule: 'CSI3',
    when: 'a string of 129 bytes',
    method: 'createVolume',
    reply: { volume: { volumeId: long(129) } },
    broken: /129 bytes/,
  },
  {
    rule: 'CSI3',
    when: 'bytes above characters',
    method: 'createVolume',
    reply: { volume: { volumeId: 'ü'.repeat(65) } },
    broken: /130 bytes/,
  },
  {
    rule: 'CSI3',
    when: 'a node id of 256 bytes',
    method: 'nodeGetInfo',
    reply: { nodeId: long(256) },
    broken: undefined,
  },
  {
    rule: 'CSI3',
    when: 'a node id of 257 bytes',
    method: 'nodeGetInfo',
    reply: { nodeId: long(257) },
    broken: /257/,
  },
  {
    rule: 'CSI3',
    when: 'a published node id in a list',
    method: 'listVolumes',
    reply: { entries: [{ status: { publishedNodeIds: [long(300)] } }] },
    broken: /publishedNodeIds/,
  },
  {
    rule: 'CSI3',
    when: 'a map of 4096 bytes',
    method: 'controllerPublishVolume',
    reply: { publishContext: { a: long(4095) } },
    broken: undefined,
  },
  {
    rule: 'CSI3',
    when: 'a map of 4097 bytes',
    method: 'controllerPublishVolume',
    reply: { publishContext: { ab: long(4095) } },
    broken: /publishContext/,
  },
  {
    rule: 'CSI3',
    when: 'a volume without id',
    method: 'createVolume',
    reply: { volume: { volumeId: '' } },
    broken: /volumeId/,
  },
  { rule: 'CSI3', when: 'no volume', method: 'createVolume', reply: { volume: null }, broken: /volumeId/ },
  { rule: 'CSI3', when: 'no driver name', method: 'getPluginInfo', reply: { name: '' }, broken: /name/ },
  {
    rule: 'CSI3',
    when: 'a long condition message',
    method: 'nodeGetVolumeStats',
    reply: { volumeCondition: { message: long(5000) } },
    broken: undefined,
  },
  {
    rule: 'CSI4',
    when: 'a usual segment',
    method: 'nodeGetInfo',
    reply: topology({ 'topology.a.dev/pool': 'p-1' }),
    broken: undefined,
  },
  {
    rule: 'CSI4',
    when: 'a value with a slash',
    method: 'nodeGetInfo',
    reply: topology({ 'a.dev/pool': '../etc' }),
    broken: /value/,
  },
  {
    rule: 'CSI4',
    when: 'an empty value',
    method: 'nodeGetInfo',
    reply: topology({ 'a.dev/pool': '' }),
    broken: /value/,
  },
  {
    rule: 'CSI4',
    when: 'a key of 64 characters',
    method: 'nodeGetInfo',
    reply: topology({ [`a.dev/${long(64)}`]: 'v' }),
    broken: /key/,
  },
  {
    rule: 'CSI4',
    when: 'keys that differ by case',
    method: 'nodeGetInfo',
    reply: topology({ 'a.dev/p': 'v', 'a.dev/P': 'w' }),
    broken: /case/,
  },
  {
    rule: 'CSI4',
    when: 'two prefixes',
    method: 'nodeGetInfo',
    reply: topology({ 'a.dev/p': 'v', 'b.dev/q': 'w' }),
    broken: /prefixes/,
  },
];

describe('checkReply', () => {
  it.each(ROWS)('$rule: judges $when', ({ method, reply, broken }) => {
    const found = checkReply(method, reply);
    if (broken === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(broken);
  });
});
