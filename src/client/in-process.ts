// The client of a loop that runs in the server's own process: the same handler chain and the same encoded bytes as over
// HTTPS, with an identity of its own, so that authorization and audit see each loop.
import type { ApiHandler, UserInfo } from '#api/request.ts';
import type { ApiClient } from './api-client.ts';
import { createApiClient } from './create-client.ts';

/** The group whose members the server lets do everything. */
export const CONTROL_PLANE_GROUP = 'holdfast:control-plane';

/** The identity of the loop `name`: `holdfast:binding`. */
export function loopIdentity(name: string): UserInfo {
  return { name: `holdfast:${name}`, groups: [CONTROL_PLANE_GROUP, 'system:authenticated'] };
}

/** The client that the loop `name` uses. */
export function inProcessClient(handler: ApiHandler, name: string): ApiClient {
  return createApiClient(handler, loopIdentity(name));
}
