// Authentication: who a request is from, and which paths answer a stranger. Pure.
import type { UserInfo } from '#api/request.ts';
import type { PeerIdentity } from '#transport/http.ts';

/** The paths that need no certificate. Everything else is 401 without one. */
const OPEN_PATHS = /^\/(livez|readyz|healthz)(\/[a-z0-9-]*)?$|^\/version$/;

/** The user that a verified client certificate names: its common name, its organisations as groups. */
export function userFromPeer(peer: PeerIdentity | undefined): UserInfo | undefined {
  if (peer === undefined) return undefined;
  return { name: peer.commonName, groups: [...peer.organizations, 'system:authenticated'] };
}

/** True when `path` (with query) may be asked by anyone. */
export function isOpenPath(path: string): boolean {
  const mark = path.indexOf('?');
  return OPEN_PATHS.test((mark < 0 ? path : path.slice(0, mark)).replace(/\/$/, ''));
}
