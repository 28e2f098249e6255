// Every control loop of the control plane, each with an identity and an event source of its own.
import type { ApiHandler } from '#api/request.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { InformerSource } from '#client/informer.ts';
import { leaderElected } from '#client/leader-election.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { attachmentLoop } from '#controllers/attachment/connect.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { expansionLoop } from '#controllers/expansion/connect.ts';
import { ephemeralLoop } from '#controllers/ephemeral/connect.ts';
import { namespacesLoop } from '#controllers/namespaces/connect.ts';
import { nodeLifecycleLoop } from '#controllers/node-lifecycle/connect.ts';
import { protectionLoop } from '#controllers/protection/connect.ts';
import { quotaLoop } from '#controllers/quota/connect.ts';
import { serviceAccountsLoop } from '#controllers/service-accounts/connect.ts';
import { snapshotsLoop } from '#controllers/snapshots/connect.ts';
import type { CsiConnection } from '#csi/client.ts';
import { type Driver, introduceDriver } from '#csi/driver.ts';
import { inTurn } from '#csi/in-turn.ts';
import { unusedLoop } from '#controllers/unused/connect.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import { schedulerLoop } from '#scheduler/connect.ts';
import { attacherLoop } from '#sidecars/attacher/connect.ts';
import { capacityLoop } from '#sidecars/provisioner/capacity/connect.ts';
import { provisionerLoop } from '#sidecars/provisioner/connect.ts';
import { resizerLoop } from '#sidecars/resizer/connect.ts';
import { snapshotterLoop } from '#sidecars/snapshotter/connect.ts';
import { controllerManagerGuard } from './beside-controller-manager.ts';
import type { Effects } from './effects.ts';
import { runServices } from './run-services.ts';
import { sidecarLeaseName, type SidecarRole } from './sidecar-leases.ts';

type LoopMaker = (deps: LoopDeps, gates: FeatureGates) => Service;

/** Name, event component (as Kubernetes spells it) and maker of each loop. */
const LOOPS: readonly { readonly name: string; readonly component: string; readonly make: LoopMaker }[] = [
  { name: 'binding', component: 'persistentvolume-controller', make: (deps) => bindingLoop(deps) },
  { name: 'attachment', component: 'attachdetach-controller', make: (deps) => attachmentLoop(deps) },
  { name: 'expansion', component: 'volume_expand', make: (deps) => expansionLoop(deps) },
  { name: 'ephemeral', component: 'ephemeral_volume', make: (deps) => ephemeralLoop(deps) },
  { name: 'protection', component: 'protection-controller', make: (deps) => protectionLoop(deps) },
  {
    name: 'unused',
    component: 'pvc-protection-controller',
    make: (deps, gates) => unusedLoop(deps, { gates }),
  },
  { name: 'namespaces', component: 'namespace-controller', make: (deps) => namespacesLoop(deps) },
  {
    name: 'service-accounts',
    component: 'serviceaccount-controller',
    make: (deps) => serviceAccountsLoop(deps),
  },
  { name: 'quota', component: 'resourcequota-controller', make: (deps) => quotaLoop(deps) },
  { name: 'snapshots', component: 'snapshot-controller', make: (deps) => snapshotsLoop(deps) },
  { name: 'node-lifecycle', component: 'node-controller', make: (deps) => nodeLifecycleLoop(deps) },
  {
    name: 'scheduler',
    component: 'default-scheduler',
    make: (deps, gates) => schedulerLoop(deps, { gates }),
  },
];

type SidecarMaker = (
  deps: LoopDeps,
  options: { readonly driver: Driver; readonly gates: FeatureGates },
) => Service;

/** The loops of a driver by the stock sidecar whose role they have. */
const SIDECARS: readonly {
  readonly role: SidecarRole;
  readonly loops: readonly { readonly name: string; readonly make: SidecarMaker }[];
}[] = [
  {
    role: 'provisioner',
    loops: [
      { name: 'provisioner', make: provisionerLoop },
      { name: 'capacity', make: capacityLoop },
    ],
  },
  { role: 'attacher', loops: [{ name: 'attacher', make: attacherLoop }] },
  { role: 'snapshotter', loops: [{ name: 'snapshotter', make: snapshotterLoop }] },
  { role: 'resizer', loops: [{ name: 'resizer', make: resizerLoop }] },
];

export interface LoopsOptions {
  readonly handler: ApiHandler;
  /** Controller sockets of the drivers whose volumes Holdfast provisions and attaches. */
  readonly drivers: readonly CsiConnection[];
  /** Features that are not on by default. */
  readonly gates?: FeatureGates;
  /** Loops that run even beside a live kube-controller-manager. */
  readonly controllers?: readonly string[];
  /** Sidecar loops stand for election under the Leases of the stock sidecars; absent: they run at once. */
  readonly leaderElection?: LeaderElection;
}

export interface LeaderElection {
  /** Where the stock sidecars of the drivers run. */
  readonly namespace: string;
  /** Unique among the candidates: `<machine>_<uuid>`. */
  readonly identity: string;
}

/** The scheduler has no part in kube-controller-manager. */
const OF_OTHERS: readonly string[] = ['scheduler'];

/** The control plane's loops as services: the shared informers first. */
export function controlPlaneLoops(effects: Effects, options: LoopsOptions): readonly Service[] {
  const { clock, random, log } = effects;
  const informers = createInformerSource({
    api: inProcessClient(options.handler, 'informers'),
    clock,
    random,
    log,
  });
  const context: LoopContext = { effects, informers, ...options };
  const api = inProcessClient(options.handler, 'controller-manager-guard');
  const beside = controllerManagerGuard({ api, clock }, options.controllers ?? []);
  const loops = LOOPS.flatMap(({ name, component, make }) => {
    const { deps, recorder } = loopDeps(context, name, component);
    const loop = make(deps, options.gates ?? DEFAULT_GATES);
    return [
      OF_OTHERS.includes(name) ? loop : beside.guard({ name, run: (signal) => loop.run(signal) }),
      recorder,
    ];
  });
  const sidecars = options.drivers.map((connection) => sidecarsOf(context, connection));
  // The informers run last: by then every loop has said which ones it needs.
  return [...loops, ...sidecars, { name: 'informers', run: (signal) => informers.run(signal) }];
}

interface LoopContext extends LoopsOptions {
  readonly effects: Effects;
  readonly informers: InformerSource;
}

function loopDeps(
  { effects, informers, handler }: LoopContext,
  name: string,
  component: string,
): { readonly deps: LoopDeps; readonly recorder: Service } {
  const { clock, random } = effects;
  const log = effects.log.with({ loop: name });
  const api = inProcessClient(handler, name);
  const recorder = createEventRecorder({ api, clock, random, log, component });
  return { deps: { clock, random, log, api, informers, events: recorder }, recorder };
}

/** One of them with its event recorders; its loops stand for election together, as in one stock sidecar. */
function sidecarServices(
  context: LoopContext,
  { role, loops }: (typeof SIDECARS)[number],
  driver: Driver,
): readonly Service[] {
  const made = loops.map(({ name, make }) => {
    const { deps, recorder } = loopDeps(context, `${name}-${driver.name}`, driver.name);
    return { deps, recorder, service: make(deps, { driver, gates: context.gates ?? DEFAULT_GATES }) };
  });
  const services = made.map(({ service }) => service);
  const recorders = made.map(({ recorder }) => recorder);
  const { leaderElection } = context;
  if (leaderElection === undefined) return [...services, ...recorders];
  const { namespace, identity } = leaderElection;
  const lease = { namespace, name: sidecarLeaseName(role, driver.name) };
  const name = `${role}-${driver.name}`;
  const { deps } = loopDeps(context, name, driver.name);
  const together = { name, run: (signal: AbortSignal) => runServices(services, signal) };
  return [leaderElected(deps, { lease, identity }, together), ...recorders];
}

/** The sidecar loops of one driver: they begin once the driver has introduced itself. */
function sidecarsOf(context: LoopContext, connection: CsiConnection): Service {
  return {
    name: 'sidecars',
    async run(signal) {
      const { clock, log } = context.effects;
      const driver = await introduceDriver(inTurn(connection), { clock, log, retryMs: 50 }, signal);
      if (driver === undefined) return;
      const services = SIDECARS.flatMap((sidecar) => sidecarServices(context, sidecar, driver));
      await runServices(services, signal);
    },
  };
}
