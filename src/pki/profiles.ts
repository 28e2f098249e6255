// Who gets a certificate, and what it says: the names are interface, as Kubernetes reads users and groups from them.
import type { Profile } from './renewal.ts';

/** The API server's own: reached as this machine, and as the service that pods know. */
export function serverProfile(machineName: string, more: readonly string[] = []): Profile {
  const wanted = [...new Set([...LOCAL_NAMES, machineName, ...more])];
  return {
    subject: { commonName: 'holdfast-server', organizations: [] },
    purposes: ['server'],
    dnsNames: wanted.filter((name) => !isAddress(name)),
    addresses: wanted.filter(isAddress),
  };
}

const LOCAL_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
];

/** A user and its groups. */
export function clientProfile(commonName: string, organizations: readonly string[]): Profile {
  return { subject: { commonName, organizations }, purposes: ['client'], dnsNames: [], addresses: [] };
}

/** The administrator of the kubeconfig. */
export const ADMIN_PROFILE = clientProfile('holdfast-admin', ['system:masters']);

/** With this the server shows itself to agents, which serve logs and exec to nobody else. */
export const SERVER_TO_AGENT_PROFILE = clientProfile('holdfast:server', ['holdfast:control-plane']);

/** A node's agent: its identity towards the server, and its own server certificate for logs and exec. */
export function nodeProfile(nodeName: string, more: readonly string[] = []): Profile {
  const wanted = [...new Set([nodeName, 'localhost', '127.0.0.1', '::1', ...more])];
  return {
    subject: { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] },
    purposes: ['client', 'server'],
    dnsNames: wanted.filter((name) => !isAddress(name)),
    addresses: wanted.filter(isAddress),
  };
}

function isAddress(name: string): boolean {
  return name.includes(':') || /^\d+(\.\d+){3}$/.test(name);
}
