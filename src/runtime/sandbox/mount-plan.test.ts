import { describe, expect, it } from 'vitest';
import type { Mount } from '../generated/cri.ts';
import { type MountPlanInput, planMounts } from './mount-plan.ts';

function aMount(overrides: Partial<Mount>): Mount {
  return {
    containerPath: '/data',
    hostPath: '/var/volume',
    readonly: false,
    selinuxRelabel: false,
    propagation: 'PROPAGATION_PRIVATE',
    uidMappings: [],
    gidMappings: [],
    recursiveReadOnly: false,
    image: null,
    imageSubPath: '',
    ...overrides,
  };
}

function anInput(overrides: Partial<MountPlanInput> = {}): MountPlanInput {
  return {
    stage: '/state/root',
    topLayerBytes: 1024,
    mounts: [],
    devices: [],
    hidden: [],
    maskedPaths: [],
    readonlyPaths: [],
    readonlyRootfs: false,
    workingDir: '/',
    etc: {},
    ...overrides,
  };
}

function indexOf(input: MountPlanInput, kind: string): number {
  return planMounts(input).findIndex((step) => step.kind === kind);
}

describe('planMounts', () => {
  it('SBX10: makes the namespace first, copies trees before the pivot, attaches them after the old root is gone', () => {
    const kinds = planMounts(anInput({ mounts: [aMount({})] })).map((step) => step.kind);
    expect(kinds[0]).toBe('new-namespace');
    expect(kinds.indexOf('take-tree')).toBeLessThan(kinds.indexOf('pivot'));
    expect(kinds.indexOf('detach')).toBeGreaterThan(kinds.indexOf('pivot'));
    expect(kinds.indexOf('attach-tree')).toBeGreaterThan(kinds.indexOf('detach'));
  });

  it('SBX11: puts the top layer on a tmpfs with a size and mounts the overlay nosuid and nodev', () => {
    const mounts = planMounts(anInput({ topLayerBytes: 4096 })).filter((step) => step.kind === 'mount');
    expect(mounts[0]).toMatchObject({
      fsType: 'tmpfs',
      target: '/state/root',
      options: 'size=4096,mode=0755',
    });
    expect(mounts[1]).toMatchObject({ fsType: 'overlay', flags: ['nosuid', 'nodev'] });
  });

  it('SBX12: starts init once, before any volume is attached', () => {
    const input = anInput({ mounts: [aMount({})] });
    expect(planMounts(input).filter((step) => step.kind === 'start-init')).toHaveLength(1);
    expect(indexOf(input, 'start-init')).toBeLessThan(indexOf(input, 'attach-tree'));
  });

  it('SBX13: attaches parents before what is below them', () => {
    const mounts = [aMount({ containerPath: '/a/b/c' }), aMount({ containerPath: '/a' })];
    const targets = planMounts(anInput({ mounts })).flatMap((step) =>
      step.kind === 'attach-tree' ? [step.target] : [],
    );
    expect(targets).toEqual(['/a', '/a/b/c']);
  });

  it.each([
    { listed: [], when: 'the caller lists nothing' },
    { listed: ['/proc/irq'], when: 'the caller lists other paths' },
    { listed: ['/proc/sys'], when: 'the caller lists it' },
  ])('SBX14: protects /proc/sys once when $when', ({ listed }) => {
    const steps = planMounts(anInput({ readonlyPaths: listed }));
    expect(steps.filter((step) => step.kind === 'protect' && step.path === '/proc/sys')).toHaveLength(1);
  });

  it('SBX14: masks the paths that the caller names instead of the default ones', () => {
    const masked = planMounts(anInput({ maskedPaths: ['/proc/x'] })).filter((step) => step.kind === 'mask');
    expect(masked).toEqual([{ kind: 'mask', path: '/proc/x' }]);
  });

  it('SBX15: masks hidden directories after the root has changed', () => {
    const steps = planMounts(anInput({ hidden: ['/srv/holdfast'] }));
    const at = steps.findIndex((step) => step.kind === 'mask' && step.path === '/srv/holdfast');
    expect(at).toBeGreaterThan(steps.findIndex((step) => step.kind === 'pivot'));
  });

  it.each([
    { readonly: true, recursiveReadOnly: false, expected: { readOnly: true, recursiveReadOnly: false } },
    { readonly: true, recursiveReadOnly: true, expected: { readOnly: true, recursiveReadOnly: true } },
    { readonly: false, recursiveReadOnly: true, expected: { readOnly: false, recursiveReadOnly: false } },
  ])('SBX16: plans readonly $readonly, recursive $recursiveReadOnly', ({ expected, ...mount }) => {
    const taken = planMounts(anInput({ mounts: [aMount(mount)] })).find((step) => step.kind === 'take-tree');
    expect(taken).toMatchObject({ ...expected, allowDevices: false, propagation: 'private' });
  });

  it('SBX16: HostToContainer makes the volume a slave of the machine', () => {
    const mounts = [aMount({ propagation: 'PROPAGATION_HOST_TO_CONTAINER' })];
    expect(planMounts(anInput({ mounts }))).toContainEqual(expect.objectContaining({ propagation: 'slave' }));
  });

  it('SBX18: makes the root read-only last when asked to', () => {
    expect(planMounts(anInput({ readonlyRootfs: true })).at(-1)).toEqual({ kind: 'read-only-root' });
  });
});
