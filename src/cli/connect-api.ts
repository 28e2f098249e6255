// The API client of a command, from a kubeconfig file.
import { type ApiClient } from '#client/api-client.ts';
import { createApiClient } from '#client/create-client.ts';
import { connectServer, type ServerConnection } from '#client/https-transport.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import type { CliEffects } from '#compose/cli-effects.ts';
import { CommandError, EXIT } from './exit-codes.ts';

export interface ApiConnection extends AsyncDisposable {
  readonly api: ApiClient;
  readonly send: ServerConnection['send'];
}

/** Connects with the kubeconfig at `path`. */
export async function connectApi(effects: CliEffects, path: string): Promise<ApiConnection> {
  const bytes = await effects.files.read(path);
  if (bytes === undefined) {
    throw new CommandError(
      EXIT.usage,
      `Cannot read the kubeconfig "${path}": there is no such file; start "holdfast up" first`,
    );
  }
  const config = await parseKubeconfig(new TextDecoder().decode(bytes), {
    path,
    readFile: (file) => effects.files.read(file),
  });
  const server = connectServer(effects.http, config, effects.clock);
  return {
    api: createApiClient(server.send),
    send: server.send,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
