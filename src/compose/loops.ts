// Every control loop of the control plane, each with an identity and an event source of its own.
import type { ApiHandler } from '#api/request.ts';
import type { Clock } from '#base/clock.ts';
import type { Metrics } from '#base/metrics.ts';
import type { EventRecorder } from '#client/events.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { InformerSource } from '#client/informer.ts';
import { type ElectionOptions, leaderElected } from '#client/leader-election.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { attachmentLoop } from '#controllers/attachment/connect.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { disruptionLoop } from '#controllers/disruption/connect.ts';
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
import { countForcedDetaches, countProvisioning } from './counted-events.ts';
import type { Effects } from './effects.ts';
import { type LoopSelection, parseLoopSelection } from './loop-selection.ts';
import { measuredDriver } from './measured-driver.ts';
import { deletedVolumes, snapshotOperations } from './observed-operations.ts';
import { runServices } from './run-services.ts';
import { servedClient } from './served-client.ts';
import { type IsServed, servedInformers } from './served-informers.ts';
import { sidecarLeaseName, type SidecarRole } from './sidecar-leases.ts';
import { collectAttachments, collectVolumeCounts } from './volume-metrics.ts';

type LoopMaker = (deps: LoopDeps, gates: FeatureGates) => Service;

interface NamedLoop {
  readonly name: string;
  /** As Kubernetes spells it in events. */
  readonly component: string;
  readonly kubernetesNames: readonly string[];
  readonly make: LoopMaker;
  /** Of a loop that kube-controller-manager has not: the Lease of the stock process that has it. */
  readonly ownLease?: string;
}

const LOOPS: readonly NamedLoop[] = [
  {
    name: 'binding',
    component: 'persistentvolume-controller',
    kubernetesNames: ['persistentvolume-binder-controller'],
    make: (deps) => bindingLoop(deps),
  },
  {
    name: 'attachment',
    component: 'attachdetach-controller',
    kubernetesNames: ['persistentvolume-attach-detach-controller'],
    make: (deps) => attachmentLoop(withEvents(deps, countForcedDetaches)),
  },
  {
    name: 'expansion',
    component: 'volume_expand',
    kubernetesNames: ['persistentvolume-expander-controller'],
    make: (deps) => expansionLoop(deps),
  },
  {
    name: 'ephemeral',
    component: 'ephemeral_volume',
    kubernetesNames: ['ephemeral-volume-controller'],
    make: (deps) => ephemeralLoop(deps),
  },
  {
    name: 'protection',
    component: 'protection-controller',
    kubernetesNames: [
      'persistentvolumeclaim-protection-controller',
      'persistentvolume-protection-controller',
      'volumeattributesclass-protection-controller',
    ],
    make: (deps) => protectionLoop(deps),
  },
  {
    name: 'unused',
    component: 'pvc-protection-controller',
    kubernetesNames: [],
    make: (deps, gates) => unusedLoop(deps, { gates }),
  },
  {
    name: 'namespaces',
    component: 'namespace-controller',
    kubernetesNames: ['namespace-controller'],
    make: (deps) => namespacesLoop(deps),
  },
  {
    name: 'service-accounts',
    component: 'serviceaccount-controller',
    kubernetesNames: ['serviceaccount-controller'],
    make: (deps) => serviceAccountsLoop(deps),
  },
  {
    name: 'disruption',
    component: 'controllermanager',
    kubernetesNames: ['disruption-controller'],
    make: (deps) => disruptionLoop(deps),
  },
  {
    name: 'quota',
    component: 'resourcequota-controller',
    kubernetesNames: ['resourcequota-controller'],
    make: (deps) => quotaLoop(deps),
  },
  {
    name: 'node-lifecycle',
    component: 'node-controller',
    kubernetesNames: ['node-lifecycle-controller', 'taint-eviction-controller'],
    make: (deps) => nodeLifecycleLoop(deps),
  },
  {
    name: 'snapshots',
    component: 'snapshot-controller',
    kubernetesNames: [],
    ownLease: 'snapshot-controller-leader',
    make: (deps) => snapshotsLoop(deps),
  },
  {
    name: 'scheduler',
    component: 'default-scheduler',
    kubernetesNames: [],
    ownLease: 'kube-scheduler',
    make: (deps, gates) => schedulerLoop(deps, { gates }),
  },
];

/** Reads what `--controllers` says (CMP1). The scheduler is among the loops that `*` means only where `scheduler` says so. */
export function selectLoops(
  words: readonly string[],
  { scheduler }: { readonly scheduler: 'by default' | 'when named' },
): LoopSelection | { readonly problem: string } {
  const loops = LOOPS.map(({ name, kubernetesNames }) => ({
    name,
    kubernetesNames,
    onByDefault: name !== 'scheduler' || scheduler === 'by default',
  }));
  return parseLoopSelection(words, loops);
}

type SidecarMaker = (
  deps: LoopDeps,
  options: { readonly driver: Driver; readonly gates: FeatureGates; readonly nodeName?: string },
) => Service;

/** The loops of a driver by the stock sidecar whose role they have. */
const SIDECARS: readonly {
  readonly role: SidecarRole;
  readonly loops: readonly { readonly name: string; readonly make: SidecarMaker }[];
}[] = [
  {
    role: 'provisioner',
    loops: [
      {
        name: 'provisioner',
        make: (deps, { nodeName, ...options }) =>
          provisionerLoop(withEvents(deps, countProvisioning), {
            ...options,
            ...(nodeName === undefined ? {} : { nodeDeployment: { nodeName } }),
          }),
      },
      { name: 'capacity', make: capacityLoop },
    ],
  },
  { role: 'attacher', loops: [{ name: 'attacher', make: attacherLoop }] },
  { role: 'snapshotter', loops: [{ name: 'snapshotter', make: snapshotterLoop }] },
  { role: 'resizer', loops: [{ name: 'resizer', make: resizerLoop }] },
];

/** The names of all loops, for what must hold of every one of them. */
export const LOOP_NAMES: readonly string[] = [
  ...LOOPS.map(({ name }) => name),
  ...SIDECARS.flatMap(({ loops }) => loops.map(({ name }) => name)),
];

export interface LoopsOptions {
  readonly handler: ApiHandler;
  /** Controller sockets of the drivers whose volumes Holdfast provisions and attaches. */
  readonly drivers: readonly CsiConnection[];
  /** Features that are not on by default. */
  readonly gates?: FeatureGates;
  /** Absent: every loop, none of them named. */
  readonly selection?: LoopSelection;
  /** Absent: the loops run at once. */
  readonly leaderElection?: LeaderElection;
  /** `--node-deployment`: of each driver the provisioner of this node alone (CMP5). */
  readonly nodeDeployment?: { readonly nodeName: string };
  /** Absent: the server serves every kind of ours. */
  readonly isServed?: IsServed;
  readonly metrics?: Metrics;
}

export interface LeaderElection
  extends Pick<ElectionOptions, 'leaseDurationMs' | 'renewDeadlineMs' | 'retryPeriodMs'> {
  /** Where the stock sidecars of the drivers run. */
  readonly namespace: string;
  /** Unique among the candidates: `<machine>_<uuid>`. */
  readonly identity: string;
  /** The Lease of the loops that kube-controller-manager has too. */
  readonly controllersLease: string;
}

/** The control plane's loops as services: the shared informers first. */
export function controlPlaneLoops(effects: Effects, options: LoopsOptions): readonly Service[] {
  const { clock, random, log } = effects;
  const { isServed, metrics, selection } = options;
  const source = createInformerSource({
    api: inProcessClient(options.handler, 'informers'),
    clock,
    random,
    log,
  });
  const informers = isServed === undefined ? source : servedInformers(source, isServed, log);
  const context: LoopContext = { effects, informers, ...options };
  const made = LOOPS.filter(({ name }) => selection?.runs(name) !== false).map((loop) =>
    madeLoop(context, loop),
  );
  const own = made.filter(({ ownLease }) => ownLease !== undefined);
  const shared = made.filter(({ ownLease }) => ownLease === undefined);
  if (metrics !== undefined) collectCounts(metrics, informers, made);
  const services = [
    ...(shared.length === 0 ? [] : controllers(context, shared)),
    ...own.flatMap(({ name, ownLease = '', services: ofLoop }) =>
      elected(context, { name, leaseName: ownLease }, ofLoop),
    ),
    ...made.map(({ recorder }) => recorder),
    ...options.drivers.map((connection) => sidecarsOf(context, connection)),
  ];
  // The informers run last: by then every loop has said which ones it needs.
  return [...services, { name: 'informers', run: (signal) => informers.run(signal) }];
}

interface LoopContext extends LoopsOptions {
  readonly effects: Effects;
  readonly informers: InformerSource;
}

interface MadeLoop {
  readonly name: string;
  readonly ownLease: string | undefined;
  readonly services: readonly Service[];
  readonly recorder: Service;
}

function madeLoop(context: LoopContext, { name, component, make, ownLease }: NamedLoop): MadeLoop {
  const { deps, recorder } = loopDeps(context, name, component);
  const { metrics } = deps;
  const loop = make(deps, context.gates ?? DEFAULT_GATES);
  const watched =
    name === 'snapshots' && metrics !== undefined ? [snapshotOperations({ ...deps, metrics })] : [];
  return { name, ownLease, services: [loop, ...watched], recorder };
}

function collectCounts(metrics: Metrics, informers: InformerSource, made: readonly MadeLoop[]): void {
  if (made.some(({ name }) => name === 'binding')) collectVolumeCounts(metrics, informers);
  if (made.some(({ name }) => name === 'attachment')) collectAttachments(metrics, informers);
}

/** The loops that kube-controller-manager has too: one look for all of them at each beginning, that of a new term too. */
function controllers(context: LoopContext, made: readonly MadeLoop[]): readonly Service[] {
  const { effects, handler, selection, leaderElection } = context;
  const api = inProcessClient(handler, 'controller-manager-guard');
  const named = made.map(({ name }) => name).filter((name) => selection?.isNamed(name) === true);
  const together: Service = {
    name: 'controllers',
    run(signal) {
      const beside = controllerManagerGuard({ api, clock: effects.clock }, named);
      const guarded = made.flatMap(({ name, services }) =>
        services.map((service) => beside.guard({ name, run: (until) => service.run(until) })),
      );
      return runServices(guarded, signal);
    },
  };
  const leaseName = leaderElection?.controllersLease ?? '';
  return elected(context, { name: together.name, leaseName }, [together]);
}

function loopDeps(
  { effects, informers, handler, metrics, isServed }: LoopContext,
  name: string,
  component: string,
): { readonly deps: LoopDeps; readonly recorder: Service } {
  const { clock, random } = effects;
  const log = effects.log.with({ loop: name });
  const client = inProcessClient(handler, name);
  const api = isServed === undefined ? client : servedClient(client, { send: handler, isServed });
  const recorder = createEventRecorder({ api, clock, random, log, component });
  const deps = { clock, random, log, api, informers, events: recorder };
  return { deps: metrics === undefined ? deps : { ...deps, metrics }, recorder };
}

/** `deps` with what the loop tells counted, where somebody looks. */
function withEvents(
  deps: LoopDeps,
  count: (events: EventRecorder, to: { readonly metrics: Metrics; readonly clock: Clock }) => EventRecorder,
): LoopDeps {
  const { metrics, clock, events } = deps;
  return metrics === undefined ? deps : { ...deps, events: count(events, { metrics, clock }) };
}

/** `services`, which stand for election together under one Lease where there is an election (CMP4). */
function elected(
  context: LoopContext,
  { name, leaseName }: { readonly name: string; readonly leaseName: string },
  services: readonly Service[],
): readonly Service[] {
  const { leaderElection, metrics } = context;
  if (leaderElection === undefined) return services;
  const { namespace, controllersLease: _lease, ...election } = leaderElection;
  const master = metrics?.gauge({
    name: 'leader_election_master_status',
    help: 'Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.',
  });
  master?.set({ name: leaseName }, 0);
  const { deps } = loopDeps(context, name, name);
  const together = (outer: AbortSignal): Service => ({
    name,
    async run(term) {
      master?.set({ name: leaseName }, 1);
      try {
        await runServices(services, term);
      } finally {
        master?.set({ name: leaseName }, 0);
      }
      if (!outer.aborted) throw new LeaseLostError(leaseName);
    },
  });
  const lease = { namespace, name: leaseName };
  return [
    { name, run: (signal) => leaderElected(deps, { ...election, lease }, together(signal)).run(signal) },
  ];
}

/**
 * Another process may have worked meanwhile, and loops remember what they have done: everything of this process must
 * begin anew, as the stock processes exit.
 */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  constructor(lease: string) {
    super(`the Lease "${lease}" was lost`);
  }
}

/** One of them with its event recorders; its loops stand for election together, as in one stock sidecar. */
function sidecarServices(
  context: LoopContext,
  { role, loops }: (typeof SIDECARS)[number],
  driver: Driver,
): readonly Service[] {
  const { gates = DEFAULT_GATES, nodeDeployment } = context;
  const made = loops.map(({ name, make }) => {
    const { deps, recorder } = loopDeps(context, `${name}-${driver.name}`, driver.name);
    const service = make(deps, { driver, gates, ...nodeDeployment });
    const { metrics } = deps;
    const watched =
      name === 'provisioner' && metrics !== undefined
        ? [deletedVolumes({ ...deps, metrics }, driver.name)]
        : [];
    return { recorder, services: [service, ...watched] };
  });
  const services = made.flatMap((one) => one.services);
  const recorders = made.map(({ recorder }) => recorder);
  if (nodeDeployment !== undefined) return [...services, ...recorders];
  const leaseName = sidecarLeaseName(role, driver.name);
  return [...elected(context, { name: `${role}-${driver.name}`, leaseName }, services), ...recorders];
}

/** The sidecar loops of one driver: they begin once the driver has introduced itself. */
function sidecarsOf(context: LoopContext, connection: CsiConnection): Service {
  return {
    name: 'sidecars',
    async run(signal) {
      const { clock, log } = context.effects;
      const introduced = await introduceDriver(connection, { clock, log, retryMs: 50 }, signal);
      if (introduced === undefined) return;
      const { metrics, nodeDeployment } = context;
      const measured =
        metrics === undefined ? connection : measuredDriver(connection, introduced.name, { metrics, clock });
      // Measured without the wait for a call's turn.
      const driver = { ...introduced, connection: inTurn(measured) };
      const roles = SIDECARS.filter(({ role }) => nodeDeployment === undefined || role === 'provisioner');
      await runServices(
        roles.flatMap((sidecar) => sidecarServices(context, sidecar, driver)),
        signal,
      );
    },
  };
}
