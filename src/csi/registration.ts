// The plugin registration service of the kubelet: a node plugin answers GetInfo on a socket in the registry
// directory and is told with NotifyRegistrationStatus whether it was taken. Client for the agent, server for drivers.
import { messageOf } from '#base/errors.ts';
import { GrpcError, type GrpcTransport } from '#transport/grpc.ts';
import type { CallOptions } from './client.ts';
import { CsiError } from './csi-error.ts';
import {
  DESCRIPTOR_JSON,
  type PluginInfo,
  type RegistrationStatus,
} from './generated/plugin-registration.ts';

const SERVICE = 'pluginregistration.Registration';

/** The type that CSI node plugins report; device plugins report another one and are not ours. */
export const CSI_PLUGIN_TYPE = 'CSIPlugin';

/** One connection to a registration socket. Rejects only with CsiError. */
export interface RegistrationConnection extends AsyncDisposable {
  getInfo(options: CallOptions): Promise<PluginInfo>;
  notify(status: RegistrationStatus, options: CallOptions): Promise<void>;
}

/** Connects to a socket of the registry directory. */
export function connectRegistration(grpc: GrpcTransport, endpoint: string): RegistrationConnection {
  const connection = grpc.connect(endpoint, DESCRIPTOR_JSON);
  const call = (method: string, request: object, options: CallOptions): Promise<object> =>
    connection.unary({ service: SERVICE, method }, request, options).catch((error: unknown) => {
      throw new CsiError(error instanceof GrpcError ? error.code : 'UNKNOWN', messageOf(error));
    });
  return {
    // Decoded with the descriptor of the same table that the type is generated from.
    getInfo: async (options) => checkedInfo((await call('GetInfo', {}, options)) as PluginInfo),
    async notify(status, options) {
      await call('NotifyRegistrationStatus', status, options);
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

// A driver name becomes a path, an object name and a topology prefix: the form the CSI specification demands.
const DRIVER_NAME = /^[A-Za-z0-9]([-A-Za-z0-9.]{0,61}[A-Za-z0-9])?$/;

function checkedInfo(info: PluginInfo): PluginInfo {
  const refuse = (because: string): CsiError =>
    new CsiError('INVALID_ARGUMENT', `Cannot register a plugin: ${because}`);
  if (info.type === CSI_PLUGIN_TYPE) {
    if (!DRIVER_NAME.test(info.name) || info.name.includes('..')) {
      throw refuse(
        `its name ${JSON.stringify(info.name.slice(0, 80))} is no driver name of at most 63 characters`,
      );
    }
    if (info.endpoint !== '' && !info.endpoint.startsWith('/')) {
      throw refuse(`its endpoint ${JSON.stringify(info.endpoint.slice(0, 80))} is no absolute path`);
    }
  }
  return info;
}

export interface Registration {
  /** `disk.holdfast.dev`. */
  readonly name: string;
  /** The absolute path of the plugin's CSI socket. */
  readonly endpoint: string;
  readonly supportedVersions: readonly string[];
  /** Called with each answer of the kubelet or the agent. */
  readonly notified: (status: RegistrationStatus) => void;
}

/** Serves the registration of a CSI node plugin on a socket in the registry directory. */
export function serveRegistration(
  grpc: GrpcTransport,
  socket: string,
  { name, endpoint, supportedVersions, notified }: Registration,
): Promise<AsyncDisposable> {
  const info: PluginInfo = { type: CSI_PLUGIN_TYPE, name, endpoint, supportedVersions };
  return grpc.serve(socket, DESCRIPTOR_JSON, [
    {
      name: SERVICE,
      handlers: {
        getInfo: async () => info,
        notifyRegistrationStatus: async (status: RegistrationStatus) => {
          notified(status);
          return {};
        },
      },
    },
  ]);
}
