// The processes of the machine's one node: the sandbox runtime (unless another CRI socket is given), the disk driver's
// two services, and the agent.
import type { SupervisorEffects } from './effects.ts';
import type { Layout } from './layout.ts';
import { supervise, type Supervised, type SupervisorDeps } from './supervise.ts';

export interface NodeProcessesDeps extends SupervisorDeps, SupervisorEffects {}

export interface NodeProcessesOptions {
  readonly layout: Layout;
  readonly nodeName: string;
  /** A CRI socket of a runtime that runs already (containerd); undefined: our sandbox. */
  readonly runtimeEndpoint: string | undefined;
  /** How much the disk driver may promise; undefined: what its file system has. */
  readonly diskCapacityBytes: number | undefined;
}

/** Keeps the node's processes running until `signal` aborts; resolves when all that must end have ended. */
export async function superviseNode(
  deps: NodeProcessesDeps,
  options: NodeProcessesOptions,
  signal: AbortSignal,
): Promise<void> {
  const all = specs(deps, options);
  await Promise.all(all.map((spec) => supervise(deps, spec, signal)));
}

function specs(
  deps: NodeProcessesDeps,
  { layout, nodeName, runtimeEndpoint, diskCapacityBytes }: NodeProcessesOptions,
): readonly Supervised[] {
  const spec = (name: Parameters<SupervisorEffects['bundle']>[0], args: readonly string[]): Supervised => {
    const bundle = deps.bundle(name);
    return {
      name,
      program: bundle.program,
      args: [...bundle.args, ...args],
      logFile: `${layout.logs}/${name}.log`,
      stopWithinMs: 10_000,
    };
  };
  const sandbox = spec('sandbox', [
    '--socket',
    layout.criSocket,
    '--state',
    layout.sandboxState,
    '--hide',
    layout.dataDir,
    '--hide',
    layout.kubeletRoot,
    '--hide',
    layout.runDir,
  ]);
  return [
    ...(runtimeEndpoint === undefined ? [sandbox] : []),
    spec('disk-controller', [
      '--socket',
      layout.diskControllerSocket,
      '--pool',
      layout.diskPool,
      '--node-name',
      nodeName,
      ...(diskCapacityBytes === undefined ? [] : ['--capacity-bytes', String(diskCapacityBytes)]),
    ]),
    spec('disk-node', [
      '--socket',
      layout.diskNodeSocket,
      '--registration-socket',
      layout.diskRegistrationSocket,
      '--pool',
      layout.diskPool,
      '--node-name',
      nodeName,
    ]),
    spec('agent', [
      '--kubeconfig',
      layout.nodeKubeconfig,
      '--node-name',
      nodeName,
      '--kubelet-root-dir',
      layout.kubeletRoot,
      '--pod-logs',
      layout.podLogs,
      '--container-runtime-endpoint',
      runtimeEndpoint ?? layout.criSocket,
    ]),
  ];
}
