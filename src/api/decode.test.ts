import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeObject, decodeValue, type FieldValidation, pruneObject } from './decode.ts';
import { encodeJson } from './encode.ts';
import type { JsonObject } from './json.ts';
import { MAX_BODY_BYTES, parseBody } from './parse-body.ts';
import { typeNames } from './schema.ts';
import { StatusError } from './status.ts';

const JSON_BODY = 'application/json';
const YAML_BODY = 'application/yaml';

function decode(body: string | JsonObject, validation: FieldValidation = 'Strict', typeName = 'core/v1.Pod') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return decodeObject(Buffer.from(text), { contentType: JSON_BODY, typeName, validation });
}

function failure(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 200, message: 'did not fail' };
}

describe('unknown and duplicate fields', () => {
  const unknown = { spec: { nodeNam: 'x', containers: [{ name: 'c', Image: 'i' }] }, extra: {} };

  it('API15: Strict names each with its path', () => {
    expect(failure(() => decode(unknown))).toEqual({
      code: 400,
      message:
        'strict decoding error: unknown field "spec.nodeNam", unknown field "spec.containers[0].Image", ' +
        'unknown field "extra"',
    });
  });

  it('API15: Warn warns and Ignore says nothing; both drop the field', () => {
    const { object, warnings } = decode(unknown, 'Warn');
    expect(warnings[0]).toBe('unknown field "spec.nodeNam"');
    expect(warnings).toHaveLength(3);
    expect(object).not.toHaveProperty('extra');
    expect(object.spec).not.toHaveProperty('nodeNam');
    expect(decode(unknown, 'Ignore').warnings).toEqual([]);
    expect(pruneObject(unknown, 'core/v1.Pod')).toEqual(decode(unknown, 'Ignore').object);
  });

  it('API15: names at most a hundred', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 1]));
    expect(decode(many, 'Warn').warnings).toHaveLength(100);
  });

  const duplicates = [
    { text: '{"metadata":{"name":"a","name":"b"}}', path: 'metadata.name' },
    {
      text: '{"spec":{"containers":[{"name":"c"},{"name":"c","image":"a","image":"b"}]}}',
      path: 'spec.containers[1].image',
    },
    { text: '{"metadata":{"labels":{"a:\\"{":"1","a:\\"{":"2"}}}', path: 'metadata.labels.a:"{' },
    { text: '{"metadata":{"labels":{"a":"1","\\u0061":"2"}}}', path: 'metadata.labels.a' },
    { text: '{"kind":"Pod","metadata":{},"kind":"Pod"}', path: 'kind' },
  ];
  it.each(duplicates)('API16: $path given twice', ({ text, path }) => {
    expect(failure(() => decode(text)).message).toBe(`strict decoding error: duplicate field "${path}"`);
    expect(decode(text, 'Warn').warnings).toEqual([`duplicate field "${path}"`]);
  });

  it('API16: the last value wins, and a text that only looks like a duplicate is none', () => {
    expect(decode('{"metadata":{"name":"a","name":"b"}}', 'Ignore').object.metadata).toEqual({ name: 'b' });
    const looks = '{"metadata":{"annotations":{"a":"{\\"b\\":1,\\"b\\":2}","c":"\\\\\\""}}}';
    expect(decode(looks).warnings).toEqual([]);
  });
});

describe('types', () => {
  const wrong = [
    {
      body: { spec: 'x' },
      says: 'field "spec": cannot unmarshal string into a value of type core/v1.PodSpec',
    },
    { body: { spec: [] }, says: 'field "spec": cannot unmarshal array' },
    {
      body: { spec: { containers: {} } },
      says: 'field "spec.containers": cannot unmarshal object into a value of type array',
    },
    {
      body: { metadata: { name: 5 } },
      says: 'field "metadata.name": cannot unmarshal number 5 into a value of type string',
    },
    {
      body: { metadata: { labels: { a: true } } },
      says: 'field "metadata.labels.a": cannot unmarshal bool into a value of type string',
    },
    {
      body: { metadata: { labels: [] } },
      says: 'field "metadata.labels": cannot unmarshal array into a value of type map',
    },
    {
      body: { spec: { hostNetwork: 'true' } },
      says: 'field "spec.hostNetwork": cannot unmarshal string into a value of type bool',
    },
    {
      body: { spec: { priority: 1.5 } },
      says: 'field "spec.priority": cannot unmarshal number 1.5 into a value of type int32',
    },
    {
      body: { spec: { containers: [{ name: 'c', resources: { limits: { cpu: '1x' } } }] } },
      says: 'field "spec.containers[0].resources.limits.cpu": quantities must match',
    },
    {
      body: { metadata: { creationTimestamp: 'yesterday' } },
      says: 'field "metadata.creationTimestamp": parsing time "yesterday"',
    },
  ];
  it.each(wrong)('API17: $says', ({ body, says }) => {
    const { code, message } = failure(() => decode({ apiVersion: 'v1', kind: 'Pod', ...body }));
    expect(code).toBe(400);
    expect(message).toContain(`Pod in version "v1" cannot be handled as a Pod: ${says}`);
  });

  it('API17: a body that is no object is a 400', () => {
    for (const text of ['[]', 'null', '"x"', '5', '', '{', '{"a":}', '{"a":1}x']) {
      expect(failure(() => decode(text)).code).toBe(400);
    }
  });

  it('API18: null is absent, a null element is zero, zeros go unless the type tells them apart', () => {
    const { object } = decode({
      metadata: { name: 'a', labels: { x: null }, annotations: {}, generateName: '', namespace: null },
      spec: {
        hostNetwork: false,
        terminationGracePeriodSeconds: 0,
        hostUsers: false,
        containers: [{ name: 'c', args: [null], ports: [] }, null],
        securityContext: {},
      },
      status: null,
    });
    expect(object).toEqual({
      metadata: { name: 'a', labels: { x: '' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        hostUsers: false,
        containers: [{ name: 'c', args: [''] }, { name: '' }],
        securityContext: {},
      },
    });
  });

  it('API18: a field that is always shown gets its zero', () => {
    const { object } = decode(
      { metadata: { name: 'a' }, status: {} },
      'Strict',
      'storage/v1.VolumeAttachment',
    );
    expect(object).toMatchObject({ spec: { attacher: '', nodeName: '' }, status: { attached: false } });
  });

  it('API19: values are kept in their canonical form', () => {
    const claim = {
      metadata: { creationTimestamp: '2026-01-02T03:04:05.678+02:00' },
      spec: { resources: { requests: { storage: '1024Mi', cpu: 2, x: ' 0.5 ' } } },
    };
    expect(decode(claim, 'Strict', 'core/v1.PersistentVolumeClaim').object).toMatchObject({
      metadata: { creationTimestamp: '2026-01-02T01:04:05Z' },
      spec: { resources: { requests: { storage: '1Gi', cpu: '2', x: '500m' } } },
    });
    const lease = { spec: { renewTime: '2026-01-02T03:04:05.123456789Z' } };
    expect(decode(lease, 'Strict', 'coordination/v1.Lease').object).toMatchObject({
      spec: { renewTime: '2026-01-02T03:04:05.123456Z' },
    });
    expect(decode({ data: { a: 'aGVs\nbG8=' } }, 'Strict', 'core/v1.Secret').object.data).toEqual({
      a: 'aGVsbG8=',
    });
  });

  const refused = [
    { body: { spec: { priority: 2 ** 31 } }, typeName: 'core/v1.Pod' },
    { body: { metadata: { generation: 2 ** 53 } }, typeName: 'core/v1.Pod' },
    { body: { metadata: { creationTimestamp: '2026-02-31T00:00:00Z' } }, typeName: 'core/v1.Pod' },
    { body: { metadata: { creationTimestamp: '2026-13-01T00:00:00Z' } }, typeName: 'core/v1.Pod' },
    { body: { data: { a: 'abc' } }, typeName: 'core/v1.Secret' },
    { body: { data: { a: '!!!!' } }, typeName: 'core/v1.Secret' },
  ];
  it.each(refused)('API19: $body is refused', ({ body, typeName }) => {
    expect(failure(() => decode(body, 'Ignore', typeName)).code).toBe(400);
  });
});

describe('hostile input', () => {
  it('API20: names of prototypes are ordinary keys', () => {
    const labels = '{"__proto__":"a","constructor":"b","hasOwnProperty":"c"}';
    const { object } = decode(`{"metadata":{"labels":${labels}}}`);
    expect(JSON.stringify(object)).toBe(`{"metadata":{"labels":${labels}}}`);
    expect({}).not.toHaveProperty('a');
    expect(failure(() => decode('{"__proto__":{"spec":{}}}')).message).toContain('unknown field "__proto__"');
    expect(failure(() => decode('{"constructor":1}')).message).toContain('unknown field "constructor"');
    const raw = '{"data":{"__proto__":{"x":1}}}';
    expect(JSON.stringify(decode(raw, 'Ignore', 'apps/v1.ControllerRevision').object.data)).toBe(
      '{"__proto__":{"x":1}}',
    );
  });

  it('API21: a large body is a 413', () => {
    expect(failure(() => decode(`{"a":"${'x'.repeat(MAX_BODY_BYTES)}"}`))).toEqual({
      code: 413,
      message: 'Request entity too large: limit is 3145728',
    });
  });

  it('API21: deep nesting, bad UTF-8 and lone surrogates', () => {
    expect(failure(() => decode('['.repeat(1_000_000))).message).toContain('nested 1000000 deep');
    expect(failure(() => decode(`{"a":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_001)}`)).code).toBe(400);
    const bad = Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    expect(failure(() => parseBody(bad, JSON_BODY)).message).toContain('not valid UTF-8');
    const lone = decode('{"metadata":{"annotations":{"a":"\\ud800","\\udc00":"b"}}}');
    expect(lone.object.metadata).toEqual({ annotations: { a: '\ufffd', '\ufffd': 'b' } });
  });

  it('API21: a syntax error does not repeat the body', () => {
    const { message } = failure(() => decode('{"password": hunter2}'));
    expect(message).toMatch(/^the body is not valid JSON: Unexpected token/);
    expect(message).not.toContain('hunter2');
    expect(failure(() => decode('')).message).toBe('the body is not valid JSON: it is empty');
    expect(failure(() => parseBody(Buffer.from('a: "hunter2'), YAML_BODY)).message).not.toContain('hunter2');
  });

  it('API21: another content type is a 415', () => {
    expect(failure(() => parseBody(Buffer.from('x'), 'text/plain')).code).toBe(415);
    expect(parseBody(Buffer.from('{}'), 'Application/JSON; charset=utf-8')).toEqual({});
  });
});

describe('apiVersion and kind', () => {
  const options = { typeName: 'core/v1.Pod', validation: 'Strict', apiVersion: 'v1', kind: 'Pod' } as const;
  it('API22: absent ones come from the URL, and stand first', () => {
    const { object } = decodeValue({ metadata: { name: 'a' } }, options);
    expect(Object.keys(object)).toEqual(['apiVersion', 'kind', 'metadata']);
    expect(object).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } });
  });

  it('API22: others are a 400', () => {
    expect(failure(() => decodeValue({ apiVersion: 'v2' }, options)).message).toBe(
      'the API version in the data (v2) does not match the expected API version (v1)',
    );
    expect(failure(() => decodeValue({ kind: 'Node' }, options)).message).toContain('expected kind (Pod)');
  });
});

describe('decoding as a whole', () => {
  it('API18: decoding what was decoded changes nothing, for any body', () => {
    const key = fc.constantFrom('metadata', 'spec', 'status', 'name', 'labels', 'containers', 'volumes', 'x');
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, depthSize: 'small' },
        fc.constantFrom(null, 0, 1, '', 'a', true, false),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.constantFrom(...typeNames()), (body, typeName) => {
        const text = JSON.stringify({ metadata: { name: 'a' }, spec: body });
        let once: JsonObject;
        try {
          once = decode(text, 'Ignore', typeName).object;
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
          return;
        }
        const again = decodeObject(encodeJson(once), {
          contentType: JSON_BODY,
          typeName,
          validation: 'Strict',
        });
        expect(again.object).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });
});
