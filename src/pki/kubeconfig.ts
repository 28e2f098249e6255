// Writing a kubeconfig with everything inside, so that it can be copied to where it is used.
import type { Files } from '#files/files.ts';
import type { Identity } from './authority.ts';

export interface KubeconfigEntry {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  readonly identity: Identity;
  /** Names the user in the file. */
  readonly user: string;
}

/** The text of a kubeconfig with one cluster, one user and one context, all current. */
export function kubeconfigText({ server, identity, user }: KubeconfigEntry): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: holdfast
  cluster:
    server: ${JSON.stringify(server)}
    certificate-authority-data: ${base64(identity.certificateAuthority)}
users:
- name: ${JSON.stringify(user)}
  user:
    client-certificate-data: ${base64(identity.certificate)}
    client-key-data: ${base64(identity.privateKey)}
contexts:
- name: holdfast
  context:
    cluster: holdfast
    user: ${JSON.stringify(user)}
current-context: holdfast
`;
}

/** Writes it with mode 0600; leaves the file alone when it already says the same. */
export async function writeKubeconfig(files: Files, path: string, entry: KubeconfigEntry): Promise<void> {
  const text = kubeconfigText(entry);
  const old = await files.read(path);
  if (old !== undefined && Buffer.from(old).toString('utf8') === text) return;
  await files.write(path, Buffer.from(text), { mode: 0o600 });
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
