// Parameters of classes: this driver takes none of its own.
import { CsiError } from '#csi/csi-error.ts';

// What the provisioner adds for drivers that want to know; nothing here depends on it.
const IGNORED_PARAMETER = /^csi\.storage\.k8s\.io\//;

/** INVALID_ARGUMENT for a parameter of a class that this driver does not know. */
export function demandParameters(parameters: Readonly<Record<string, string>>, doing: string): void {
  const unknown = Object.keys(parameters).find((key) => !IGNORED_PARAMETER.test(key));
  if (unknown === undefined) return;
  throw new CsiError(
    'INVALID_ARGUMENT',
    `Cannot ${doing}: the parameter ${JSON.stringify(unknown.slice(0, 80))} is unknown: this driver takes none`,
  );
}
