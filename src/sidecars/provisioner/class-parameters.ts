// What a StorageClass's parameters say to the orchestrator (`csi.storage.k8s.io/…`) and what they say to the driver.
import type { StorageClass } from '#api/generated/storage-v1.ts';

const PREFIX = 'csi.storage.k8s.io/';
const SECRET_USES = [
  'provisioner',
  'controller-publish',
  'node-stage',
  'node-publish',
  'controller-expand',
  'node-expand',
] as const;

/** What a secret is used for, as the parameter names spell it. */
export type SecretUse = (typeof SECRET_USES)[number];

export interface SecretReference {
  readonly name: string;
  readonly namespace: string;
}

export interface ClassParameters {
  /** Undefined: the driver's default. */
  readonly fsType: string | undefined;
  readonly forDriver: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Partial<Record<SecretUse, SecretReference>>>;
}

export type ParsedParameters =
  | { readonly kind: 'parsed'; readonly parameters: ClassParameters }
  | { readonly kind: 'refused'; readonly because: string };

interface TemplateNames {
  readonly volumeName: string;
  readonly claimName: string;
  readonly claimNamespace: string;
}

/**
 * Fills `${pv.name}`, `${pvc.namespace}` and, in a name only, `${pvc.name}`. A namespace never comes from the
 * claim's name or annotations: its author could then read other tenants' secrets (PRV32).
 */
export function fillTemplate(
  template: string,
  field: 'name' | 'namespace',
  names: TemplateNames,
): string | undefined {
  const known: Record<string, string> = {
    'pv.name': names.volumeName,
    'pvc.namespace': names.claimNamespace,
  };
  if (field === 'name') known['pvc.name'] = names.claimName;
  let unknown = false;
  const filled = template.replace(/\$\{([^}]*)\}/g, (_match, variable: string) => {
    const value = Object.hasOwn(known, variable) ? known[variable] : undefined;
    if (value === undefined) unknown = true;
    return value ?? '';
  });
  return unknown || filled.includes('${') ? undefined : filled;
}

/** Splits and checks the parameters. Rules PRV31 and PRV32. */
export function parseClassParameters(storageClass: StorageClass, names: TemplateNames): ParsedParameters {
  const forDriver: Record<string, string> = {};
  const own = new Map<string, string>();
  for (const [key, value] of Object.entries(storageClass.parameters ?? {})) {
    if (key.startsWith(PREFIX)) own.set(key.slice(PREFIX.length), value);
    else if (key.toLowerCase() !== 'fstype') forDriver[key] = value;
  }
  const fsType =
    own.get('fstype') ?? storageClass.parameters?.['fstype'] ?? storageClass.parameters?.['fsType'];
  own.delete('fstype');
  const secrets: Partial<Record<SecretUse, SecretReference>> = {};
  for (const use of SECRET_USES) {
    const name = own.get(`${use}-secret-name`);
    const namespace = own.get(`${use}-secret-namespace`);
    own.delete(`${use}-secret-name`);
    own.delete(`${use}-secret-namespace`);
    if (name === undefined && namespace === undefined) continue;
    if (name === undefined || namespace === undefined) {
      return refused(storageClass, `"${PREFIX}${use}-secret-name" and "-namespace" must be given together`);
    }
    const filled = {
      name: fillTemplate(name, 'name', names),
      namespace: fillTemplate(namespace, 'namespace', names),
    };
    if (filled.name === undefined || filled.namespace === undefined) {
      return refused(
        storageClass,
        `the ${use} secret "${namespace}/${name}" uses a variable that is not allowed there: ` +
          'a name may use ${pv.name}, ${pvc.namespace}, ${pvc.name}; a namespace ${pv.name}, ${pvc.namespace}',
      );
    }
    secrets[use] = { name: filled.name, namespace: filled.namespace };
  }
  for (const key of own.keys()) return refused(storageClass, `parameter "${PREFIX}${key}" is not known`);
  return { kind: 'parsed', parameters: { fsType, forDriver, secrets } };
}

function refused(storageClass: StorageClass, why: string): ParsedParameters {
  return {
    kind: 'refused',
    because: `Cannot read the parameters of StorageClass "${storageClass.metadata.name ?? ''}": ${why}`,
  };
}
