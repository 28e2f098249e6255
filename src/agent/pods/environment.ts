// The environment of a container: envFrom first, then env, each may refer to what stands before it with $(NAME).
// A key that is missing and not optional is a configuration error that names it.
import type { Container, EnvVar, EnvVarSource, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes, quantityToMilli } from '#api/quantity.ts';
import { expandVariables } from './expand.ts';

/** The container cannot be made from its spec until someone changes something. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

export type KeyReader = (
  kind: 'ConfigMap' | 'Secret',
  name: string,
) => Promise<ReadonlyMap<string, Uint8Array> | undefined>;

export interface EnvironmentInput {
  readonly pod: Stored<Pod>;
  readonly container: Container;
  readonly podIp: string;
  readonly hostIp: string;
  readonly readKeys: KeyReader;
}

export async function environmentOf(input: EnvironmentInput): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const source of input.container.envFrom ?? []) {
    const reference = source.configMapRef ?? source.secretRef;
    if (reference === undefined) continue;
    const kind = source.configMapRef === undefined ? 'Secret' : 'ConfigMap';
    const keys = await input.readKeys(kind, reference.name ?? '');
    if (keys === undefined && reference.optional !== true) throw missing(kind, reference.name);
    for (const [key, bytes] of keys ?? []) {
      values.set(`${source.prefix ?? ''}${key}`, Buffer.from(bytes).toString());
    }
  }
  for (const variable of input.container.env ?? []) {
    const value = await valueOf(input, variable, values);
    if (value !== undefined) values.set(variable.name, value);
  }
  return values;
}

function missing(kind: string, name: string | undefined, key?: string): ContainerConfigError {
  const which = `${kind.toLowerCase()} "${name ?? ''}"`;
  return new ContainerConfigError(
    key === undefined ? `${which} not found` : `couldn't find key ${key} in ${which}`,
  );
}

async function valueOf(
  input: EnvironmentInput,
  variable: EnvVar,
  before: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const { valueFrom } = variable;
  if (valueFrom === undefined) return expandVariables(variable.value ?? '', before);
  if (valueFrom.fieldRef !== undefined) return fieldValue(input, valueFrom.fieldRef.fieldPath);
  if (valueFrom.resourceFieldRef !== undefined) return resourceValue(input, valueFrom.resourceFieldRef);
  const reference = valueFrom.configMapKeyRef ?? valueFrom.secretKeyRef;
  if (reference === undefined) {
    throw new ContainerConfigError(`Variable "${variable.name}" has a source that this node does not serve`);
  }
  const kind = valueFrom.configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
  const keys = await input.readKeys(kind, reference.name ?? '');
  const bytes = keys?.get(reference.key);
  if (bytes !== undefined) return Buffer.from(bytes).toString();
  if (reference.optional === true) return undefined;
  throw keys === undefined ? missing(kind, reference.name) : missing(kind, reference.name, reference.key);
}

/** `metadata.labels['app']` */
const MAP_FIELD = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

/** The value of a downward API field. */
export function fieldValue(
  { pod, podIp, hostIp }: Pick<EnvironmentInput, 'pod' | 'podIp' | 'hostIp'>,
  path: string,
): string {
  const [, map, key] = MAP_FIELD.exec(path) ?? [];
  if (map === 'labels') return pod.metadata.labels?.[key ?? ''] ?? '';
  if (map === 'annotations') return pod.metadata.annotations?.[key ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'spec.nodeName':
      return pod.spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec?.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIp;
    case 'status.podIP':
    case 'status.podIPs':
      return podIp;
    default:
      throw new ContainerConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** A request or limit in units of its divisor. */
export function resourceValue(
  { container }: Pick<EnvironmentInput, 'container'>,
  reference: NonNullable<EnvVarSource['resourceFieldRef']>,
): string {
  const [list, resource = ''] = reference.resource.split('.', 2);
  const quantities = list === 'limits' ? container.resources?.limits : container.resources?.requests;
  const quantity = quantities?.[resource] ?? '0';
  const divisor = reference.divisor === undefined || reference.divisor === '0' ? '1' : reference.divisor;
  const read = resource === 'cpu' ? quantityToMilli : quantityToBytes;
  const by = read(divisor);
  // Rounded up, as the kubelet does: half a core is 1.
  return String((read(quantity) + by - 1n) / by);
}
