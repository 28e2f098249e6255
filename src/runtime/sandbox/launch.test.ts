import { describe, expect, it } from 'vitest';
import { GrpcError } from '#transport/grpc.ts';
import type {
  ContainerConfig,
  LinuxContainerSecurityContext,
  Mount,
  NamespaceOption,
  PodSandboxConfig,
} from '../generated/cri.ts';
import { checkPod, environmentScript, initArguments, planContainer } from './launch.ts';
import type { ContainerPlan } from './records.ts';

const NO_SECURITY: LinuxContainerSecurityContext = {
  capabilities: null,
  privileged: false,
  namespaceOptions: null,
  selinuxOptions: null,
  runAsUser: null,
  runAsGroup: null,
  runAsUsername: '',
  readonlyRootfs: false,
  supplementalGroups: [],
  supplementalGroupsPolicy: 'Merge',
  noNewPrivs: true,
  maskedPaths: [],
  readonlyPaths: [],
  seccomp: null,
  apparmor: null,
  apparmorProfile: '',
  seccompProfilePath: '',
};

function aConfig(overrides: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    metadata: { name: 'writer', attempt: 0 },
    image: { image: 'busybox', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' },
    command: ['sh'],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: '',
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: null,
    windows: null,
    CDIDevices: [],
    stopSignal: 'RUNTIME_DEFAULT',
    ...overrides,
  };
}

function withSecurity(security: Partial<LinuxContainerSecurityContext>): ContainerConfig {
  return aConfig({ linux: { resources: null, securityContext: { ...NO_SECURITY, ...security } } });
}

function aMount(overrides: Partial<Mount>): Mount {
  return {
    containerPath: '/data',
    hostPath: '/v',
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

const passwd = new Map([
  ['0', { uid: 0, gid: 0, home: '/root' }],
  ['1000', { uid: 1000, gid: 50, home: '/home/ann' }],
  ['ann', { uid: 1000, gid: 50, home: '/home/ann' }],
]);

function plan(config: ContainerConfig): ContainerPlan {
  return planContainer({ config, hostname: 'pod-1', lookUpUser: (name) => passwd.get(name) });
}

function namespaces(overrides: Partial<NamespaceOption>): Partial<LinuxContainerSecurityContext> {
  return {
    namespaceOptions: {
      network: 'NODE',
      pid: 'CONTAINER',
      ipc: 'POD',
      targetId: '',
      usernsOptions: null,
      ...overrides,
    },
  };
}

describe('planContainer refuses', () => {
  const capabilities = { addCapabilities: ['SYS_ADMIN'], dropCapabilities: [], addAmbientCapabilities: [] };
  it.each([
    {
      rule: 'SBX1',
      what: 'no command',
      config: aConfig({ command: [] }),
      says: 'give command, or use containerd',
    },
    { rule: 'SBX2', what: 'privileged', config: withSecurity({ privileged: true }), says: 'privileged' },
    { rule: 'SBX2', what: 'capabilities', config: withSecurity({ capabilities }), says: 'SYS_ADMIN' },
    {
      rule: 'SBX2',
      what: 'host PID',
      config: withSecurity(namespaces({ pid: 'NODE' })),
      says: 'pid namespace',
    },
    {
      rule: 'SBX2',
      what: 'host IPC',
      config: withSecurity(namespaces({ ipc: 'NODE' })),
      says: 'ipc namespace',
    },
    {
      rule: 'SBX3',
      what: 'bidirectional mounts',
      config: aConfig({ mounts: [aMount({ propagation: 'PROPAGATION_BIDIRECTIONAL' })] }),
      says: 'bidirectional',
    },
    {
      rule: 'SBX3',
      what: 'read-only devices',
      config: aConfig({ devices: [{ containerPath: '/dev/x', hostPath: '/dev/loop0', permissions: 'mr' }] }),
      says: 'read-only',
    },
    {
      rule: 'SBX4',
      what: 'a bad uid',
      config: withSecurity({ runAsUser: { value: '-1' } }),
      says: 'runAsUser "-1"',
    },
    {
      rule: 'SBX4',
      what: 'an unknown user',
      config: withSecurity({ runAsUsername: 'eve' }),
      says: 'user "eve"',
    },
    {
      rule: 'SBX4',
      what: 'a relative path',
      config: aConfig({ workingDir: 'data' }),
      says: 'workingDir "data"',
    },
    {
      rule: 'SBX4',
      what: 'a climbing mount path',
      config: aConfig({ mounts: [aMount({ containerPath: '/data/../etc' })] }),
      says: 'without ".."',
    },
    {
      rule: 'SBX4',
      what: 'a name with =',
      config: aConfig({ envs: [{ key: 'A=B', value: Buffer.from('') }] }),
      says: 'environment name "A=B"',
    },
  ])('$rule: refuses $what', ({ config, says }) => {
    expect(() => plan(config)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => plan(config)).toThrow(says);
  });
});

describe('checkPod', () => {
  it('SBX2: refuses sysctls', () => {
    const linux = {
      cgroupParent: '',
      securityContext: null,
      sysctls: { 'kernel.x': '1' },
      overhead: null,
      resources: null,
    };
    const config = { metadata: null, linux } as unknown as PodSandboxConfig;
    expect(() => checkPod(config)).toThrow(GrpcError);
  });
});

describe('planContainer', () => {
  it.each([
    { security: { runAsUser: { value: '1000' } }, user: { uid: 1000, gid: 50, groups: [] } },
    { security: { runAsUsername: 'ann' }, user: { uid: 1000, gid: 50, groups: [] } },
    { security: { runAsUser: { value: '77' } }, user: { uid: 77, gid: 0, groups: [] } },
    {
      security: { runAsUser: { value: '1000' }, runAsGroup: { value: '7' }, supplementalGroups: ['8', '9'] },
      user: { uid: 1000, gid: 7, groups: [8, 9] },
    },
  ])('SBX5: takes $security as $user', ({ security, user }) => {
    expect(plan(withSecurity(security)).user).toEqual(user);
  });

  it('SBX5: sets HOME, HOSTNAME and PATH unless the container does', () => {
    const env = plan(aConfig({ envs: [{ key: 'HOME', value: Buffer.from('/h') }] })).command.env;
    expect(env).toMatchObject({ HOME: '/h', HOSTNAME: 'pod-1', PATH: expect.stringContaining('/usr/bin') });
  });

  it('SBX6: names that a shell cannot set go through env', () => {
    const envs = ['my.name', 'IFS', 'UID'].map((key) => ({ key, value: Buffer.from('v') }));
    const made = plan(aConfig({ envs }));
    const words = ['/usr/bin/env', 'my.name=v', 'IFS=v', 'UID=v', 'sh'];
    expect(initArguments('id', made, '').slice(-words.length)).toEqual(words);
    expect(environmentScript(made.command.env)).not.toContain("='v'");
  });

  it('SBX1: joins command and args', () => {
    expect(plan(aConfig({ command: ['sh'], args: ['-c', 'true'] })).command.argv).toEqual([
      'sh',
      '-c',
      'true',
    ]);
  });
});
