import { describe, expect, it } from 'vitest';
import { duplicate, invalidValue, notSupported, required, tooLong, tooMany } from './field-errors.ts';
import { storageClasses, pods } from './resources.ts';
import * as status from './status.ts';

const rows = [
  { error: status.notFound(pods, 'a'), code: 404, reason: 'NotFound', message: 'pods "a" not found' },
  {
    error: status.alreadyExists(storageClasses, 'fast'),
    code: 409,
    reason: 'AlreadyExists',
    message: 'storageclasses.storage.k8s.io "fast" already exists',
  },
  {
    error: status.conflict(pods, 'a'),
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on pods "a": the object has been modified; ' +
      'please apply your changes to the latest version and try again',
  },
  {
    error: status.preconditionFailed(pods, 'a', 'UID', 'x', 'y'),
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on pods "a": Precondition failed: UID in precondition: x, UID in object meta: y',
  },
  {
    error: status.forbidden(pods, 'a', 'no'),
    code: 403,
    reason: 'Forbidden',
    message: 'pods "a" is forbidden: no',
  },
  {
    error: status.bodyTooLarge(3145728),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: 'Request entity too large: limit is 3145728',
  },
  {
    error: status.unsupportedMediaType(['application/json']),
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json',
  },
  {
    error: status.methodNotAllowed(),
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  },
  {
    error: status.tooManyRequests(),
    code: 429,
    reason: 'TooManyRequests',
    message: 'Too many requests, please try again later.',
  },
];

describe('status errors', () => {
  it.each(rows)('API9: $reason: $message', ({ error, code, reason, message }) => {
    expect(error.toStatus()).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      code,
      reason,
      message,
    });
  });

  it('API9: details name the resource, and leave empty members out', () => {
    expect(status.notFound(pods, 'a').toStatus().details).toEqual({ name: 'a', kind: 'pods' });
    const future = status.tooLargeResourceVersion(9, 5);
    expect(future.toStatus()).toMatchObject({
      code: 504,
      message: 'Timeout: Too large resource version: 9, current: 5',
      details: { retryAfterSeconds: 1, causes: [{ reason: 'ResourceVersionTooLarge' }] },
    });
  });

  it('API9: one invalid field is named alone, several in brackets, each as a cause', () => {
    const one = status.invalid('StorageClass', 'storage.k8s.io', 'x', [required('provisioner')]);
    expect(one.message).toBe('StorageClass.storage.k8s.io "x" is invalid: provisioner: Required value');
    const errors = [
      invalidValue('spec.a', 'v', 'no good'),
      notSupported('spec.b', 'v', ['A', 'B']),
      duplicate('spec.c', 3),
      tooLong('spec.d', 9),
      tooMany('spec.e', 2, 1),
    ];
    const several = status.invalid('Pod', '', 'x', errors);
    expect(several.code).toBe(422);
    expect(several.message).toBe(
      'Pod "x" is invalid: [spec.a: Invalid value: "v": no good, ' +
        'spec.b: Unsupported value: "v": supported values: "A", "B", spec.c: Duplicate value: 3, ' +
        'spec.d: Too long: may not be more than 9 bytes, spec.e: Too many: 2: must have at most 1 item]',
    );
    expect(several.toStatus().details).toMatchObject({
      kind: 'Pod',
      causes: [
        { field: 'spec.a', reason: 'FieldValueInvalid', message: 'Invalid value: "v": no good' },
        { field: 'spec.b' },
        { field: 'spec.c' },
        { field: 'spec.d' },
        { field: 'spec.e' },
      ],
    });
  });
});
