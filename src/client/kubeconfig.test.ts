import { expect, test } from 'vitest';
import { kubeconfigText } from '#pki/kubeconfig.ts';
import { parseKubeconfig } from './kubeconfig.ts';

const files: Record<string, string> = { '/etc/kube/ca.crt': 'CA', '/keys/ann.key': 'KEY' };
const options = {
  path: '/etc/kube/config',
  readFile: async (path: string) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
};

test('CLT37: what pki writes is read back', async () => {
  const identity = { certificateAuthority: 'CA é', certificate: 'CERT', privateKey: 'KEY' };
  const text = kubeconfigText({ server: 'https://[::1]:6443', identity, user: 'ann' });
  expect(await parseKubeconfig(text, options)).toEqual({ server: 'https://[::1]:6443', ...identity });
});

const withFiles = `
apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: none}}]
clusters: [{name: c, cluster: {server: "https://example:443/k8s", certificate-authority: ca.crt}}]
users: [{name: u, user: {client-key: /keys/ann.key, token: secret}}]
`;

test('CLT37: files that it names are read, from beside it when they are relative', async () => {
  expect(await parseKubeconfig(withFiles, options)).toEqual({
    server: 'https://example:443/k8s',
    certificateAuthority: 'CA',
    privateKey: 'KEY',
    token: 'secret',
  });
});

const refused = [
  { text: '- 1', because: 'it is not a YAML mapping' },
  { text: 'a: [', because: 'it is not YAML' },
  { text: 'apiVersion: v1', because: 'no context is chosen: set "current-context"' },
  { text: withFiles, context: 'b', because: 'the user "none" is not among its users' },
  { text: withFiles, context: 'z', because: 'the context "z" is not among its contexts' },
  {
    text: withFiles.replace('ca.crt', 'no.crt'),
    because: 'the file "/etc/kube/no.crt" that "certificate-authority" names is missing',
  },
];
test.each(refused)('CLT37: is refused when $because', async ({ text, context, because }) => {
  const reading = parseKubeconfig(text, context === undefined ? options : { ...options, context });
  await expect(reading).rejects.toThrow(`Reading the kubeconfig "/etc/kube/config": ${because}`);
});
