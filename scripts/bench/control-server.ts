// The API server of the control benchmark in a process of its own, over HTTPS, with the store in memory. Sends its
// administrator's kubeconfig to its parent and runs until SIGTERM.
import { hostname } from 'node:os';
import { servedKinds } from '#api/kinds/index.ts';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import { realRandom } from '#base/real/random.ts';
import { openCredentials } from '#compose/credentials.ts';
import { layoutOf } from '#compose/layout.ts';
import { memoryFiles } from '#files/memory.ts';
import { realKeys } from '#pki/real/keys.ts';
import { createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import { realHttp } from '#transport/real/http.ts';

const clock = realClock();
const files = memoryFiles();
const layout = layoutOf('/bench');
await files.makeDirectory('/bench');
await files.makeDirectory('/bench/pki');
const names = { layout, hostName: hostname(), nodeName: 'node-1' };
const credentials = await openCredentials({ files, clock, keys: realKeys() }, names);
const server = await createApiServer({
  clock,
  random: realRandom(),
  log: silentLog,
  store: memoryStore(),
  kinds: servedKinds,
  versionInfo: { major: '1', minor: '36', gitVersion: 'v1.36.0' },
});
const listener = await realHttp().listen({
  host: '127.0.0.1',
  port: 0,
  tls: credentials.server,
  ...server.http,
});
await credentials.writeKubeconfigs(`https://127.0.0.1:${listener.port}`);
process.send?.(Buffer.from((await files.read(layout.kubeconfig)) ?? new Uint8Array()).toString());
process.once('SIGTERM', () => process.exit(0));
