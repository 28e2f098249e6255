// Takes down what the demo made when it did not get to its own last act: after a failure, or Ctrl-C.
import { persistentVolumeClaims, persistentVolumes, pods } from '#api/resources.ts';
import type { ObjectName } from '#client/api-client.ts';
import type { CliEffects } from '#compose/cli-effects.ts';
import type { Layout } from '#compose/layout.ts';
import { connectApi } from '../connect-api.ts';
import { createWaiter } from './wait-for.ts';

interface Named {
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string };
}
const keyOf = ({ metadata: { namespace = 'default', name } }: Named): ObjectName => ({ namespace, name });

const WITHIN_MS = 15_000;

/** Deletes every pod and claim, and waits until their volumes have gone. Rejects when that is not possible. */
export async function takeDown(effects: CliEffects, layout: Layout): Promise<void> {
  await using connection = await connectApi(effects, layout.kubeconfig);
  const { api } = connection;
  for (const pod of (await api.list(pods)).items) await api.delete(pods, keyOf(pod));
  for (const claim of (await api.list(persistentVolumeClaims)).items)
    await api.delete(persistentVolumeClaims, keyOf(claim));
  const { waitFor } = createWaiter(effects.clock, new AbortController().signal);
  await waitFor(
    'the pods and volumes to be gone',
    async () => {
      const left = [...(await api.list(pods)).items, ...(await api.list(persistentVolumes)).items];
      return left.length === 0 ? true : undefined;
    },
    WITHIN_MS,
  );
}
