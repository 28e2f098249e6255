// Reading a secret for a call to a driver.
import type { SecretReference } from '#api/generated/core-v1.ts';
import { secrets } from '#api/resources.ts';
import type { ApiClient } from './api-client.ts';

/** The secret's values, decoded; empty without a reference. Read live at every call; never kept and never logged. */
export async function readSecret(
  { api }: { readonly api: ApiClient },
  reference: SecretReference | undefined,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  if (reference?.name === undefined || reference.namespace === undefined) return {};
  const { name, namespace } = reference;
  const { data = {} } = await api.get(secrets, { name, namespace }, signal);
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}
