import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeObject, decodeValue } from '../decode.ts';
import type { JsonObject } from '../json.ts';
import { typeNames } from '../schema.ts';
import { StatusError } from '../status.ts';
import { decodeProtobuf } from './decode.ts';
import { durationNanos, formatDuration } from './duration.ts';
import { encodeProtobuf, encodeProtobufList, protobufWatchFrame, PROTOBUF_TYPE } from './encode.ts';

// Encoded by the protobuf serializer of k8s.io/apimachinery 0.36, types of k8s.io/api 0.36.
const vectors: readonly { typeName: string; object: JsonObject; base64: string }[] = [
  {
    typeName: 'core/v1.Pod',
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        creationTimestamp: '2026-01-02T03:04:05Z',
        labels: { a: 'b' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u', controller: true }],
      },
      spec: {
        volumes: [
          { name: 'd', persistentVolumeClaim: { claimName: 'c' } },
          { name: 'e', emptyDir: { sizeLimit: '1Gi' } },
        ],
        containers: [
          {
            name: 'c',
            image: 'i',
            args: ['', 'x'],
            resources: { limits: { cpu: '500m' } },
            livenessProbe: { httpGet: { port: 'http' }, initialDelaySeconds: 3 },
            readinessProbe: { tcpSocket: { port: 80 } },
          },
        ],
        terminationGracePeriodSeconds: 0,
        hostNetwork: true,
        securityContext: { runAsUser: -1, supplementalGroups: [1, 2] },
      },
      status: { phase: 'Running' },
    },
    base64:
      'azhzAAoJCgJ2MRIDUG9kEpECCjUKAXASABoAIgAqADIAOABCCAil69zKBhAAWgYKAWESAWJqEgoETm9kZRoBbiIBdSoCdjEw' +
      'ARK7AQoMCgFkEgdSBQoBYxAAChAKAWUSCxIJCgASBQoDMUdpEmoKAWMSAWkiACIBeCoAQg8KDQoDY3B1EgYKBDUwMG1SIAoU' +
      'EhIKABIKCAEQABoEaHR0cBoAIgAQAxgAIAAoADAAWhgKDBoKCgYIABBQGgASABAAGAAgACgAMABqAHIAgAEAiAEAkAEAogEA' +
      'GgAgADIAQgBKAFIAWAFgAGgAcg8Q////////////ASABIAKCAQCKAQCaAQDCAQAaGgoHUnVubmluZxoAIgAqADIASgBaAHIA' +
      'iAEAGgAiAA==',
  },
  {
    typeName: 'core/v1.Secret',
    object: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { k: 'AP8=' },
      type: 'Opaque',
      immutable: false,
    },
    base64: 'azhzAAoMCgJ2MRIGU2VjcmV0EiYKEQoBcxIAGgAiACoAMgA4AEIAEgcKAWsSAgD/GgZPcGFxdWUoABoAIgA=',
  },
  {
    typeName: 'coordination/v1.Lease',
    object: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: { holderIdentity: 'h', leaseDurationSeconds: 40, renewTime: '2026-01-02T03:04:05.678901Z' },
    },
    base64:
      'azhzAAofChZjb29yZGluYXRpb24uazhzLmlvL3YxEgVMZWFzZRIoChEKAWwSABoAIgAqADIAOABCABITCgFoECgiDAil69zK' +
      'BhCI6tzDAhoAIgA=',
  },
  {
    typeName: 'storage/v1.VolumeAttachment',
    object: {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name: 'v' },
      spec: { attacher: 'd', nodeName: 'n', source: { persistentVolumeName: 'pv' } },
      status: { attached: false, attachError: { message: 'no', time: '2026-01-02T03:04:05Z' } },
    },
    base64:
      'azhzAAolChFzdG9yYWdlLms4cy5pby92MRIQVm9sdW1lQXR0YWNobWVudBI1ChEKAXYSABoAIgAqADIAOABCABIMCgFkEgQK' +
      'AnB2GgFuGhIIABoOCggIpevcygYQABICbm8aACIA',
  },
  {
    typeName: 'core/v1.PersistentVolume',
    object: {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pv' },
      spec: {
        capacity: { storage: '10Gi' },
        csi: { driver: 'd', volumeHandle: 'h', volumeAttributes: { a: 'b' } },
        accessModes: ['ReadWriteOnce'],
      },
      status: {},
    },
    base64:
      'azhzAAoWCgJ2MRIQUGVyc2lzdGVudFZvbHVtZRJbChIKAnB2EgAaACIAKgAyADgAQgASPQoRCgdzdG9yYWdlEgYKBDEwR2kS' +
      'FbIBEgoBZBIBaBgAIgAqBgoBYRIBYhoNUmVhZFdyaXRlT25jZSoAMgAaBgoAEgAaABoAIgA=',
  },
  {
    typeName: 'apps/v1.ControllerRevision',
    object: {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'r' },
      data: { spec: { x: 1 } },
      revision: 7,
    },
    base64:
      'azhzAAodCgdhcHBzL3YxEhJDb250cm9sbGVyUmV2aXNpb24SKQoRCgFyEgAaACIAKgAyADgAQgASEgoQeyJzcGVjIjp7Ingi' +
      'OjF9fRgHGgAiAA==',
  },
];

function decode(bytes: Uint8Array, typeName: string): JsonObject {
  return decodeObject(bytes, { contentType: PROTOBUF_TYPE, typeName, validation: 'Strict' }).object;
}

/** Without the empty objects that Kubernetes writes for absent structs. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, withoutEmpty(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => JSON.stringify(inner) !== '{}'));
}

describe('protobuf', () => {
  it.each(vectors)('API42: reads what Kubernetes writes: $typeName', ({ typeName, object, base64 }) => {
    const json = decodeValue(object, { typeName, validation: 'Strict' }).object;
    expect(withoutEmpty(decode(Buffer.from(base64, 'base64'), typeName))).toEqual(withoutEmpty(json));
  });

  it.each(vectors)('API42: what we write reads back the same: $typeName', ({ typeName, object }) => {
    const json = decodeValue(object, { typeName, validation: 'Strict' }).object;
    expect(decode(encodeProtobuf(json, typeName), typeName)).toEqual(json);
  });

  it('API42: keys of maps survive, names of prototypes too', () => {
    const text = '{"kind":"ConfigMap","data":{"__proto__":"a","constructor":"b","":"c","ü":""}}';
    const object: JsonObject = JSON.parse(text);
    expect(
      JSON.stringify(decode(encodeProtobuf(object, 'core/v1.ConfigMap'), 'core/v1.ConfigMap')),
    ).toContain('"data":{"__proto__":"a","constructor":"b","":"c","ü":""}');
  });

  it('API43: lists and watch frames', () => {
    const item = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
    const head = { apiVersion: 'v1', kind: 'ConfigMapList', metadata: { resourceVersion: '5' } };
    const list = Buffer.from(encodeProtobufList(head, [item, item], 'core/v1.ConfigMap'));
    expect(list.subarray(0, 4).toString('latin1')).toBe('k8s\0');
    expect(list.toString('latin1').split('\x0a\x01a')).toHaveLength(3);
    const object = encodeProtobuf(item, 'core/v1.ConfigMap');
    const frame = Buffer.from(protobufWatchFrame('ADDED', object));
    expect(frame.readUInt32BE(0)).toBe(frame.byteLength - 4);
    expect(frame.subarray(4, 11).toString('latin1')).toBe('\x0a\x05ADDED');
    expect(frame.indexOf(object)).toBe(frame.byteLength - object.byteLength);
  });

  const hostile = [
    { what: 'no magic', bytes: [1, 2, 3, 4] },
    { what: 'nothing', bytes: [] },
    { what: 'a piece longer than the body', bytes: [0x6b, 0x38, 0x73, 0, 0x12, 0xff, 0xff, 0xff, 0x7f] },
    {
      what: 'an endless number',
      bytes: [0x6b, 0x38, 0x73, 0, 0x08, ...Array.from({ length: 20 }, () => 0xff)],
    },
    { what: 'field number 0', bytes: [0x6b, 0x38, 0x73, 0, 0x00, 0x00] },
    { what: 'a string that is not UTF-8', bytes: [0x6b, 0x38, 0x73, 0, 0x12, 5, 0x0a, 3, 0x0a, 1, 0xff] },
    { what: 'a number where a message belongs', bytes: [0x6b, 0x38, 0x73, 0, 0x12, 2, 0x08, 1] },
  ];
  it.each(hostile)('API44: $what is a 400', ({ bytes }) => {
    expect(() => decodeProtobuf(Uint8Array.from(bytes), 'core/v1.Pod')).toThrow(StatusError);
  });

  it('API44: random bytes are an object or a 400', () => {
    const names = fc.constantFrom(...typeNames().filter((name) => name.startsWith('core/')));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), names, (bytes, typeName) => {
        const body = Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0, 0x12, bytes.byteLength]), bytes]);
        try {
          expect(typeof decodeProtobuf(body, typeName)).toBe('object');
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  const durations = ['0s', '1ns', '1.5µs', '250ms', '1.5s', '1m0s', '1h2m3.5s', '-15m0s', '100h0m0s'];
  it.each(durations)('API42: the duration %s survives', (text) => {
    expect(formatDuration(durationNanos(text))).toBe(text);
  });
});
