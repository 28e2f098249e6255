// What a test needs beyond the machine that the README asks for: it is skipped with the reason, and CI installs it.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';

/** The Debian package of mkfs.<type>, where it is not part of every system. */
const PACKAGES: Readonly<Record<string, string>> = { xfs: 'xfsprogs' };

/** Skips the test of `context` when this machine cannot make the file system. */
export function needsFileSystem(fsType: string, context: Pick<TestContext, 'skip'>): void {
  const debianPackage = PACKAGES[fsType];
  if (debianPackage === undefined || isOnPath(`mkfs.${fsType}`)) return;
  context.skip(`"mkfs.${fsType}" is missing: install the package ${debianPackage}`);
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
