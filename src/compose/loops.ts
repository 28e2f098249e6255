// Every control loop of the control plane, each with an identity and an event source of its own.
import type { ApiHandler } from '#api/request.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { InformerSource } from '#client/informer.ts';
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
import type { CsiConnection } from '#csi/client.ts';
import { introduceDriver } from '#csi/driver.ts';
import { inTurn } from '#csi/in-turn.ts';
import { schedulerLoop } from '#scheduler/connect.ts';
import { attacherLoop } from '#sidecars/attacher/connect.ts';
import { capacityLoop } from '#sidecars/provisioner/capacity/connect.ts';
import { provisionerLoop } from '#sidecars/provisioner/connect.ts';
import { resizerLoop } from '#sidecars/resizer/connect.ts';
import type { Effects } from './effects.ts';
import { runServices } from './run-services.ts';

type LoopMaker = (deps: LoopDeps) => Service;

/** Name, event component (as Kubernetes spells it) and maker of each loop. */
const LOOPS: readonly { readonly name: string; readonly component: string; readonly make: LoopMaker }[] = [
  { name: 'binding', component: 'persistentvolume-controller', make: (deps) => bindingLoop(deps) },
  { name: 'attachment', component: 'attachdetach-controller', make: (deps) => attachmentLoop(deps) },
  { name: 'expansion', component: 'volume_expand', make: (deps) => expansionLoop(deps) },
  { name: 'ephemeral', component: 'ephemeral_volume', make: (deps) => ephemeralLoop(deps) },
  { name: 'protection', component: 'protection-controller', make: (deps) => protectionLoop(deps) },
  { name: 'namespaces', component: 'namespace-controller', make: (deps) => namespacesLoop(deps) },
  {
    name: 'service-accounts',
    component: 'serviceaccount-controller',
    make: (deps) => serviceAccountsLoop(deps),
  },
  { name: 'quota', component: 'resourcequota-controller', make: (deps) => quotaLoop(deps) },
  { name: 'node-lifecycle', component: 'node-controller', make: (deps) => nodeLifecycleLoop(deps) },
  { name: 'scheduler', component: 'default-scheduler', make: (deps) => schedulerLoop(deps) },
];

export interface LoopsOptions {
  readonly handler: ApiHandler;
  /** Controller sockets of the drivers whose volumes Holdfast provisions and attaches. */
  readonly drivers: readonly CsiConnection[];
}

/** The control plane's loops as services: the shared informers first. */
export function controlPlaneLoops(effects: Effects, options: LoopsOptions): readonly Service[] {
  const { clock, random, log } = effects;
  const informers = createInformerSource({
    api: inProcessClient(options.handler, 'informers'),
    clock,
    random,
    log,
  });
  const context = { effects, informers, handler: options.handler };
  const loops = LOOPS.flatMap(({ name, component, make }) => {
    const { deps, recorder } = loopDeps(context, name, component);
    return [make(deps), recorder];
  });
  const sidecars = options.drivers.map((connection) => sidecarsOf(context, connection));
  // The informers run last: by then every loop has said which ones it needs.
  return [...loops, ...sidecars, { name: 'informers', run: (signal) => informers.run(signal) }];
}

interface LoopContext {
  readonly effects: Effects;
  readonly informers: InformerSource;
  readonly handler: ApiHandler;
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

/** The sidecar loops of one driver: they begin once the driver has introduced itself. */
function sidecarsOf(context: LoopContext, connection: CsiConnection): Service {
  return {
    name: 'sidecars',
    async run(signal) {
      const { clock, log } = context.effects;
      const driver = await introduceDriver(inTurn(connection), { clock, log, retryMs: 50 }, signal);
      if (driver === undefined) return;
      const services = [
        { name: 'provisioner', make: provisionerLoop },
        { name: 'capacity', make: capacityLoop },
        { name: 'attacher', make: attacherLoop },
        { name: 'resizer', make: resizerLoop },
      ].flatMap(({ name, make }) => {
        const { deps, recorder } = loopDeps(context, `${name}-${driver.name}`, driver.name);
        return [make(deps, { driver }), recorder];
      });
      await runServices(services, signal);
    },
  };
}
