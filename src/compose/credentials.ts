// Every certificate and kubeconfig of one machine, made at the first start and kept.
import type { Clock } from '#base/clock.ts';
import type { Files } from '#files/files.ts';
import { type Identity, openAuthority } from '#pki/authority.ts';
import type { Keys } from '#pki/keys.ts';
import { writeKubeconfig } from '#pki/kubeconfig.ts';
import { ADMIN_PROFILE, nodeProfile, SERVER_TO_AGENT_PROFILE, serverProfile } from '#pki/profiles.ts';
import type { Layout } from './layout.ts';

export interface Credentials {
  /** The API server's listener. */
  readonly server: Identity;
  /** The API server towards agents. */
  readonly serverToAgent: Identity;
  /** Writes the administrator's and the node's kubeconfig, once the port is known. */
  writeKubeconfigs(origin: string): Promise<void>;
}

/** Opens the authority below the layout's pki directory and issues what is missing. */
export async function openCredentials(
  deps: { readonly files: Files; readonly clock: Clock; readonly keys: Keys },
  options: { readonly layout: Layout; readonly hostName: string; readonly nodeName: string },
): Promise<Credentials> {
  const { layout, hostName, nodeName } = options;
  const authority = await openAuthority(deps, layout.pki);
  const [server, serverToAgent, admin, node] = await Promise.all([
    authority.identity('server', serverProfile(hostName)),
    authority.identity('server-to-agent', SERVER_TO_AGENT_PROFILE),
    authority.identity('admin', ADMIN_PROFILE),
    authority.identity(`node-${nodeName}`, nodeProfile(nodeName, [hostName])),
  ]);
  return {
    server,
    serverToAgent,
    async writeKubeconfigs(origin) {
      await Promise.all([
        writeKubeconfig(deps.files, layout.kubeconfig, {
          server: origin,
          identity: admin,
          user: 'holdfast-admin',
        }),
        writeKubeconfig(deps.files, layout.nodeKubeconfig, {
          server: origin,
          identity: node,
          user: nodeName,
        }),
      ]);
    },
  };
}
