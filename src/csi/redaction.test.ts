import { describe, expect, it } from 'vitest';
import { loggableFields } from './redaction.ts';
import { CONTROLLER_METHODS, type CsiMethodName, IDENTITY_METHODS, NODE_METHODS } from './services.ts';

const CANARY = 'canary-7f3a';

describe('loggableFields', () => {
  it('CSI5: takes the named scalars only', () => {
    const fields = loggableFields('nodePublishVolume', {
      volumeId: 'vol-1',
      targetPath: '/t',
      readonly: true,
      volumeContext: { 'csi.storage.k8s.io/serviceAccount.tokens': CANARY },
      volumeCapability: { mount: { mountFlags: [CANARY] }, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
    });
    expect(fields).toEqual({
      volumeId: 'vol-1',
      targetPath: '/t',
      readonly: true,
      mode: 'SINGLE_NODE_WRITER',
    });
  });

  it.each([...IDENTITY_METHODS, ...CONTROLLER_METHODS, ...NODE_METHODS])(
    'CSI5: never takes a secret, context, parameter or flag of %s',
    (method) => {
      const map = { token: CANARY };
      const request = {
        secrets: map,
        parameters: map,
        mutableParameters: map,
        volumeContext: map,
        publishContext: map,
        startingToken: CANARY,
        volumeCapability: { mount: { mountFlags: [CANARY], volumeMountGroup: CANARY } },
        surprise: CANARY,
        volumeId: { nested: CANARY },
      };
      expect(JSON.stringify(loggableFields(method as CsiMethodName, request))).not.toContain(CANARY);
    },
  );

  it('CSI5: cuts long text', () => {
    expect(String(loggableFields('deleteVolume', { volumeId: 'x'.repeat(1000) })['volumeId']).length).toBe(
      257,
    );
  });
});
