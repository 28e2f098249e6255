import { expect, test } from 'vitest';
import { isNodeAttachableName, nodeAttachableName } from './node-attachable.ts';

test.each([
  {
    when: 'iscsi',
    source: { iscsi: { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2026-01.example:x', lun: 3 } },
    name: 'kubernetes.io/iscsi/10.0.0.1:3260:iqn.2026-01.example:x:3',
  },
  {
    when: 'fc by target',
    source: { fc: { targetWWNs: ['500a', '500b'], lun: 0 } },
    name: 'kubernetes.io/fc/[500a 500b]:0',
  },
  { when: 'fc by identifier', source: { fc: { wwids: ['3600'] } }, name: 'kubernetes.io/fc/[3600]' },
  {
    when: 'flexVolume',
    source: { flexVolume: { driver: 'example.com/nas' } },
    name: 'flexvolume-example.com/nas/vol',
  },
  { when: 'another kind', source: {}, name: undefined },
])('RUL62: the name in the status of a node of $when is $name', ({ source, name }) => {
  expect(nodeAttachableName(source, 'vol')).toBe(name);
  if (name !== undefined) expect(isNodeAttachableName(name)).toBe(true);
  expect(isNodeAttachableName('kubernetes.io/csi/d^h')).toBe(false);
});
