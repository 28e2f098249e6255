// What the parameters of a VolumeSnapshotClass or VolumeGroupSnapshotClass say to the orchestrator, and what is left for
// the driver. Pure.
const PREFIX = 'csi.storage.k8s.io/';

export interface SecretName {
  readonly name: string;
  readonly namespace: string;
}

export type SnapshotSecretUse =
  | 'snapshotter'
  | 'snapshotter-list'
  | 'group-snapshotter'
  | 'group-snapshotter-get';

const USES: readonly SnapshotSecretUse[] = [
  'snapshotter',
  'snapshotter-list',
  'group-snapshotter',
  'group-snapshotter-get',
];

export interface SnapshotParameters {
  readonly forDriver: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Partial<Record<SnapshotSecretUse, SecretName>>>;
}

export type ParsedSnapshotParameters =
  | { readonly kind: 'parsed'; readonly parameters: SnapshotParameters }
  | { readonly kind: 'refused'; readonly because: string };

export interface SnapshotTemplateNames {
  readonly contentName: string;
  readonly snapshotName: string;
  readonly snapshotNamespace: string;
}

/**
 * Splits and checks the parameters (RUL300). A secret's namespace never comes from the snapshot's own name: whoever may
 * make snapshots could then read other tenants' secrets.
 */
export function parseSnapshotParameters(
  parameters: Readonly<Record<string, string>>,
  names: SnapshotTemplateNames,
): ParsedSnapshotParameters {
  const own = new Map<string, string>();
  const forDriver: Record<string, string> = {};
  for (const [key, value] of Object.entries(parameters)) {
    if (key.startsWith(PREFIX)) own.set(key.slice(PREFIX.length), value);
    else forDriver[key] = value;
  }
  const secrets: Partial<Record<SnapshotSecretUse, SecretName>> = {};
  for (const use of USES) {
    const [name, namespace] = [own.get(`${use}-secret-name`), own.get(`${use}-secret-namespace`)];
    own.delete(`${use}-secret-name`);
    own.delete(`${use}-secret-namespace`);
    if (name === undefined && namespace === undefined) continue;
    if (name === undefined || namespace === undefined)
      return refused(`"${PREFIX}${use}-secret-name" and "-namespace" must be given together`);
    const filled = { name: fill(name, 'name', names), namespace: fill(namespace, 'namespace', names) };
    if (filled.name === undefined || filled.namespace === undefined) {
      return refused(`the ${use} secret "${namespace}/${name}" uses a variable that is not allowed there`);
    }
    secrets[use] = { name: filled.name, namespace: filled.namespace };
  }
  for (const key of own.keys()) return refused(`parameter "${PREFIX}${key}" is not known`);
  return { kind: 'parsed', parameters: { forDriver, secrets } };
}

function refused(because: string): ParsedSnapshotParameters {
  return { kind: 'refused', because };
}

function fill(
  template: string,
  field: 'name' | 'namespace',
  { contentName, snapshotName, snapshotNamespace }: SnapshotTemplateNames,
): string | undefined {
  const known: Record<string, string> = {};
  for (const kind of ['volumesnapshot', 'volumegroupsnapshot']) {
    known[`${kind}content.name`] = contentName;
    known[`${kind}.namespace`] = snapshotNamespace;
    if (field === 'name') known[`${kind}.name`] = snapshotName;
  }
  let isUnknown = false;
  const filled = template.replace(/\$\{([^}]*)\}/g, (_match, variable: string) => {
    const value = Object.hasOwn(known, variable) ? known[variable] : undefined;
    if (value === undefined) isUnknown = true;
    return value ?? '';
  });
  return isUnknown || filled.includes('${') ? undefined : filled;
}
