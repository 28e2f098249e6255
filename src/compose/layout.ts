// Where everything of one Holdfast lies: the data directory, and a short directory for sockets, since a unix socket's
// path holds 107 bytes.
import { sha256Hex } from '#base/sha256.ts';

export interface Layout {
  readonly dataDir: string;
  readonly lock: string;
  readonly store: string;
  readonly pki: string;
  readonly kubeconfig: string;
  readonly nodeKubeconfig: string;
  readonly kubeletRoot: string;
  readonly podLogs: string;
  readonly diskPool: string;
  readonly sandboxState: string;
  readonly logs: string;
  readonly runDir: string;
  readonly criSocket: string;
  readonly diskControllerSocket: string;
  readonly diskNodeSocket: string;
  readonly diskRegistrationSocket: string;
}

export const DISK_DRIVER = 'disk.holdfast.dev';
// sockaddr_un.sun_path is 108 bytes with its NUL.
const MAX_SOCKET_BYTES = 107;

/** The paths for a data directory (absolute). `kubeletRoot` defaults to `<dataDir>/kubelet`. */
export function layoutOf(
  dataDir: string,
  options: { readonly kubeletRoot?: string; readonly runRoot?: string } = {},
): Layout {
  const kubeletRoot = options.kubeletRoot ?? `${dataDir}/kubelet`;
  const runDir = `${options.runRoot ?? '/run/holdfast'}/${sha256Hex(dataDir).slice(0, 8)}`;
  return {
    dataDir,
    lock: `${dataDir}/lock`,
    store: `${dataDir}/store`,
    pki: `${dataDir}/pki`,
    kubeconfig: `${dataDir}/kubeconfig`,
    nodeKubeconfig: `${dataDir}/pki/node.kubeconfig`,
    kubeletRoot,
    podLogs: `${dataDir}/pod-logs`,
    diskPool: `${dataDir}/disk`,
    sandboxState: `${dataDir}/sandbox`,
    logs: `${dataDir}/logs`,
    runDir,
    criSocket: `${runDir}/cri.sock`,
    diskControllerSocket: `${runDir}/disk-controller.sock`,
    diskNodeSocket: `${kubeletRoot}/plugins/${DISK_DRIVER}/csi.sock`,
    diskRegistrationSocket: `${kubeletRoot}/plugins_registry/${DISK_DRIVER}-reg.sock`,
  };
}

/** What is wrong with the layout's socket paths, or undefined. */
export function checkSocketPaths(layout: Layout): string | undefined {
  const sockets = [
    layout.criSocket,
    layout.diskControllerSocket,
    layout.diskNodeSocket,
    layout.diskRegistrationSocket,
  ];
  const tooLong = sockets.find((path) => Buffer.byteLength(path) > MAX_SOCKET_BYTES);
  if (tooLong === undefined) return undefined;
  return (
    `Cannot use the socket path "${tooLong}": it is ${Buffer.byteLength(tooLong)} bytes long and a unix socket's path ` +
    `holds ${MAX_SOCKET_BYTES}: choose a shorter --data-dir or --kubelet-root-dir`
  );
}
