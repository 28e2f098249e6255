// What a new cluster has before its first client: the built-in namespaces, their default service account and the
// system's priority classes. On existing data it finds everything and writes nothing.
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { SYSTEM_PRIORITIES } from '#api/kinds/priority-class.ts';
import type { UserInfo } from '#api/request.ts';
import { StatusError } from '#api/status.ts';
import { BUILT_IN_NAMESPACES } from './admit/namespace-lifecycle.ts';
import { createObject } from './registry/create.ts';
import type { RegistryDeps } from './registry/deps.ts';
import type { Target } from './registry/target.ts';
import { apiVersionOf } from './registry/stored-form.ts';

/** The server's own identity for what it writes itself. */
export const SERVER_USER: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

export async function bootstrap(
  deps: RegistryDeps,
  lookup: (plural: string) => KindDefinition | undefined,
): Promise<void> {
  const namespaces = lookup('namespaces');
  const accounts = lookup('serviceaccounts');
  if (namespaces === undefined) return;
  await Promise.all(
    BUILT_IN_NAMESPACES.map((name) => ensure(deps, { definition: namespaces, namespace: undefined, name })),
  );
  const priorities = lookup('priorityclasses');
  if (priorities !== undefined) {
    const system = { definition: priorities, namespace: undefined };
    await Promise.all(
      SYSTEM_PRIORITIES.map(({ name, ...content }) => ensure(deps, { ...system, name }, content)),
    );
  }
  if (accounts === undefined) return;
  const account = { definition: accounts, name: 'default' };
  await Promise.all(BUILT_IN_NAMESPACES.map((namespace) => ensure(deps, { ...account, namespace })));
}

/** Creates what is not there yet. */
export async function ensure(deps: RegistryDeps, target: Target, content: JsonObject = {}): Promise<void> {
  const { definition, namespace, name } = target;
  if (deps.cache.get(definition, namespace, name) !== undefined) return;
  const typed = { apiVersion: apiVersionOf(definition), kind: definition.resource.kind };
  const object = { ...typed, metadata: { name }, ...content };
  try {
    await createObject(deps, target, object, { user: SERVER_USER, dryRun: false });
  } catch (error) {
    // Another server on the same store has made it.
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
  }
}
