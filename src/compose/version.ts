// What `GET /version` and `holdfast --version` say.

/** Holdfast's own version. */
export const HOLDFAST_VERSION = '0.1.0';

/** The Kubernetes API that is served: kubectl compares the minor version with its own. */
export const VERSION = {
  major: '1',
  minor: '36',
  gitVersion: `v1.36.0+holdfast-${HOLDFAST_VERSION}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'go1.26 (not used)',
  compiler: 'none',
  platform: 'linux/amd64',
};
