// How long a driver's calls take and how they end, as the stock sidecars tell it.
// Rule CMP9 is carried out here too.
import type { Clock } from '#base/clock.ts';
import type { Metrics } from '#base/metrics.ts';
import type { CallOptions, CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';

type AnyCall = (request: object, options: CallOptions) => Promise<unknown>;

/** The stock sidecars' buckets. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];

/** `connection` with each call of its controller services measured. */
export function measuredDriver(
  connection: CsiConnection,
  driverName: string,
  { metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock },
): CsiConnection {
  const seconds = metrics.histogram({
    name: 'csi_sidecar_operations_seconds',
    help: 'Container Storage Interface operation duration with gRPC error code status total.',
    buckets: BUCKETS,
  });
  const measured = <S extends object>(service: string, calls: S): S =>
    new Proxy(calls, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function' || typeof name !== 'string') return method;
        const methodName = `/csi.v1.${service}/${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`;
        const call: AnyCall = async (request, options) => {
          const startedAt = clock.elapsed();
          let code = 'OK';
          try {
            return await method.call(target, request, options);
          } catch (error) {
            code = error instanceof CsiError ? goName(error.code) : 'Unknown';
            throw error;
          } finally {
            const labels = { driver_name: driverName, method_name: methodName, grpc_status_code: code };
            seconds.observe(labels, (clock.elapsed() - startedAt) / 1000);
          }
        };
        return call;
      },
    });
  return {
    identity: connection.identity,
    controller: measured('Controller', connection.controller),
    groupController: measured('GroupController', connection.groupController),
    node: connection.node,
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/** `RESOURCE_EXHAUSTED` as grpc-go prints it: `ResourceExhausted`; it spells one of them its own way. */
function goName(code: string): string {
  if (code === 'CANCELLED') return 'Canceled';
  return code
    .toLowerCase()
    .split('_')
    .map((word) => `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`)
    .join('');
}
