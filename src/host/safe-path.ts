// Paths below a root that a pod can write to. Every component is opened from the descriptor of the one before it and
// no link is followed that could lead out, so what was checked is what is used (CVE-2017-1002101, CVE-2021-25741). Rules HST24, HST25.
import { HostError, type PathKind } from './host.ts';

/** An open place below a root. The path stays right whatever is renamed or replaced meanwhile. */
export interface PinnedPath extends AsyncDisposable {
  /** `/proc/<pid>/fd/<n>`: give this to mount or open, never the name. Valid until disposed. */
  readonly path: string;
  readonly kind: PathKind;
  readonly mountId: number;
  /** Device and inode: the same file has the same, whatever its name. */
  readonly identity: string;
}

export interface SafePaths {
  /**
   * Opens `relative` below `root`. ENOENT, ENOTDIR and ELOOP (a link anywhere on the way) are HostErrors; so is EXDEV,
   * when `oneMount` is set and a component lies on another mount than the root.
   */
  open(root: string, relative: string, options: { readonly oneMount: boolean }): Promise<PinnedPath>;
  /**
   * The same, but the kernel follows links that stay below `root` and refuses the others (EXDEV, ELOOP), also while they
   * are being changed: what users of a volume's own links (a config map's `..data`) expect.
   */
  openBeneath(root: string, relative: string): Promise<PinnedPath>;
  /** The identity of what stands at `path`; a link in its last component is not followed. */
  identify(path: string): Promise<string>;
  /** The same, making directories that are missing with this mode. */
  makeDirectories(root: string, relative: string, options: { readonly mode: number }): Promise<PinnedPath>;
}

const MAX_COMPONENTS = 256;

/** The components of a relative path; refuses what could leave its root or be read in two ways. */
export function componentsOf(relative: string): readonly string[] {
  const refuse = (because: string): HostError =>
    new HostError({
      code: 'EINVAL',
      syscall: 'walk',
      path: relative,
      message: `Cannot use the path ${JSON.stringify(relative.slice(0, 200))} below a volume: ${because}`,
    });
  if (relative.startsWith('/')) throw refuse('it is absolute, a relative one is needed');
  if (relative.includes('\0')) throw refuse('it holds a zero byte');
  const components = relative.split('/').filter((component) => component !== '' && component !== '.');
  if (components.includes('..')) throw refuse('it holds ".."');
  if (components.length > MAX_COMPONENTS) throw refuse(`it has more than ${MAX_COMPONENTS} components`);
  return components;
}
