// The path of a unix socket, as it is written in a command line or a registration.
import { GrpcError } from './grpc.ts';

/** sun_path holds 108 bytes with its end mark; a longer name is cut by some programs and refused by others. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** The path of `unix:///run/csi.sock`, `unix:/run/csi.sock` or `/run/csi.sock`. Rule GRP5. */
export function socketPath(endpoint: string): string {
  const path = /^unix:(\/\/)?\//.test(endpoint) ? endpoint.replace(/^unix:(\/\/)?/, '') : endpoint;
  const refuse = (because: string): GrpcError =>
    new GrpcError('INVALID_ARGUMENT', `Cannot use the gRPC endpoint ${JSON.stringify(endpoint)}: ${because}`);
  if (!path.startsWith('/')) {
    throw refuse('an absolute path of a unix socket is needed, such as "unix:///run/csi.sock"');
  }
  if (path.includes('\0')) throw refuse('its path holds a zero byte');
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw refuse(
      `its path has ${bytes} bytes, a unix socket holds at most ${MAX_SOCKET_PATH_BYTES}: use a shorter directory`,
    );
  }
  return path;
}
