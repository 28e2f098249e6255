// The annotation that says which CSI driver serves what names an in-tree provisioner (BND67). Pure.
import { migratedDriver } from '#rules/migration.ts';
import { MIGRATED_TO } from '#rules/well-known.ts';

/**
 * What the mark should become; undefined: it is as it should be, or nothing is said about a provisioner. The first of
 * the keys that is there counts: claims of old releases have only the beta one.
 */
export function wantedMigration(
  annotations: Readonly<Record<string, string>> | undefined,
  ...provisionerKeys: readonly string[]
): { readonly driver: string | undefined } | undefined {
  const key = provisionerKeys.find((one) => annotations?.[one] !== undefined);
  const provisioner = key === undefined ? undefined : annotations?.[key];
  if (provisioner === undefined) return undefined;
  const driver = migratedDriver(provisioner);
  const has = annotations?.[MIGRATED_TO] ?? '';
  return has === (driver ?? '') ? undefined : { driver };
}

/** The annotations with the mark set or taken away. */
export function markedAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  driver: string | undefined,
): Readonly<Record<string, string>> {
  const { [MIGRATED_TO]: old, ...rest } = annotations ?? {};
  return driver === undefined ? rest : { ...rest, [MIGRATED_TO]: driver };
}
