// From a CRI container config to what is run: which command, environment and user, and everything the sandbox cannot
// do said before anything is started. Pure. Rules SBX1 to SBX7.
import { GrpcError } from '#transport/grpc.ts';
import type {
  ContainerConfig,
  LinuxContainerSecurityContext,
  NamespaceOption,
  PodSandboxConfig,
} from '../generated/cri.ts';
import type { Command, UserIdentity } from './processes.ts';
import type { ContainerPlan } from './records.ts';

/** A user of the machine, as /etc/passwd has it. */
export interface KnownUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface PlanInput {
  readonly config: ContainerConfig;
  readonly hostname: string;
  readonly lookUpUser: (nameOrUid: string) => KnownUser | undefined;
}

/** Marks a container's init on its command line; the container's id follows. */
export const CONTAINER_MARK = 'holdfast-container';
export const POD_MARK = 'holdfast-pod';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
// The highest id the kernel takes; the one above means "unchanged".
const MAX_ID = 0xfffffffe;

// The first process of a container, in two parts. The first is privileged and trusted: it mounts /proc, which only a
// member of the new process namespace can do, and gives everything up; no volume is attached and no environment is
// set yet, so nothing of the user's can be in what it executes.
const PRELUDE = `shift
exec 9>&2 2>&6
mount -t proc -o nosuid,nodev,noexec proc /proc && exec "$@"`;

// The second part says that it is there, takes the environment, waits until the volumes are attached, and runs the
// user's command as a child with the container's own streams. It keeps the pipes life (3) and control (4) for itself,
// ends whatever is left in the container, says how the command ended, and waits until that has been taken down: the
// log's last bytes live in pipes that only this process holds. The subshell says so once it is the command's process,
// which signals are for; its exec never runs a shell built-in.
const INIT = `[ $$ = 1 ] || exit 125
folder=$2 tty=$3
shift 3
echo ready >&6
exec 2>&9 6>&- 9>&-
eval "$(cat <&7)"
exec 7<&-
read -r line <&4
cd "$folder" || exit 125
unset OLDPWD
[ -z "$tty" ] || exec 0<>"$tty" 1>&0 2>&0
exec 8>&2 2>/dev/null
(echo running >&3; exec "$@" 2>&8 3>&- 4>&- 5>&- 8>&-)
code=$?
kill -KILL -1
IFS=' ' read -r uptime rest </proc/uptime
echo "exited $code $uptime" >&3
read -r line <&4
exit "$code"`;

// Reaps what is left behind in the pod's process namespace and otherwise sleeps.
const POD_INIT = 'while :; do sleep 86400 & wait; done';

/** Plans a container, or throws INVALID_ARGUMENT that says what cannot be had here and what would. */
export function planContainer({ config, hostname, lookUpUser }: PlanInput): ContainerPlan {
  const name = config.metadata?.name ?? '';
  const security = config.linux?.securityContext ?? undefined;
  refuseUnsupported(name, config, security);
  const argv = [...config.command, ...config.args];
  const known = knownUser(security, lookUpUser);
  const user = userIdentity(name, security, known);
  const workingDir = absolutePath(name, 'workingDir', config.workingDir === '' ? '/' : config.workingDir);
  const env = environment(name, config, { HOSTNAME: hostname, HOME: known?.home ?? '/' });
  return {
    command: { argv, env, workingDir, user },
    user,
    mounts: config.mounts.map((mount) => ({
      ...mount,
      containerPath: absolutePath(name, 'mount path', mount.containerPath),
    })),
    devices: config.devices,
    maskedPaths: security?.maskedPaths ?? [],
    readonlyPaths: security?.readonlyPaths ?? [],
    readonlyRootfs: security?.readonlyRootfs ?? false,
    tty: config.tty,
    stdin: config.stdin,
    stopSignal: config.stopSignal,
  };
}

/** The command line of a container's first process; `tty` is the terminal it takes, or empty. */
export function initArguments(id: string, plan: ContainerPlan, tty: string): readonly string[] {
  const { user, command } = plan;
  const drop = [
    'setpriv',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    user.groups.length === 0 ? '--clear-groups' : `--groups=${user.groups.join(',')}`,
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--no-new-privs',
  ];
  const run = [...oddNames(command.env), ...command.argv];
  const init = ['/bin/sh', '-c', INIT, CONTAINER_MARK, id, command.workingDir, tty, ...run];
  return ['/bin/sh', '-c', PRELUDE, CONTAINER_MARK, id, ...drop, '--', ...init];
}

/** What a container's init evaluates to set the environment. */
export function environmentScript(env: Readonly<Record<string, string>>): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return Object.entries(env)
    .filter(([name]) => isPlain(name))
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
    .join('');
}

/** The process that holds a pod's namespaces. An id of nobody's: nothing in a container may look into it. */
export function podCommand(id: string): Command {
  return {
    argv: ['/bin/sh', '-c', POD_INIT, POD_MARK, id],
    env: {},
    workingDir: '/',
    user: { uid: 65534, gid: 65534, groups: [] },
  };
}

/** Refuses a pod that asks for namespaces of the machine which the sandbox never gives. */
export function checkPod(config: PodSandboxConfig): void {
  const security = config.linux?.securityContext ?? undefined;
  const name = config.metadata?.name ?? '';
  if (security?.privileged === true)
    refuse(`pod "${name}"`, 'privileged is not possible here', 'a real runtime');
  checkNamespaces(`pod "${name}"`, security?.namespaceOptions ?? undefined);
  if (Object.keys(config.linux?.sysctls ?? {}).length > 0) {
    refuse(`pod "${name}"`, 'sysctls are not set here', 'a pod without them');
  }
}

function refuseUnsupported(
  name: string,
  config: ContainerConfig,
  security: LinuxContainerSecurityContext | undefined,
): void {
  const what = `container "${name}"`;
  if (config.command.length + config.args.length === 0) {
    const image = config.image?.image ?? '';
    throw new GrpcError(
      'INVALID_ARGUMENT',
      `Cannot create ${what}: it gives no command, so the image "${image}" would have to be used: ` +
        `the sandbox runs commands on the machine's own root file system; give command, or use containerd`,
    );
  }
  if (security?.privileged === true) refuse(what, 'privileged is not possible here', 'a real runtime');
  const added = [
    ...(security?.capabilities?.addCapabilities ?? []),
    ...(security?.capabilities?.addAmbientCapabilities ?? []),
  ];
  if (added.length > 0) {
    refuse(what, `all capabilities are dropped, also ${added.join(', ')}`, 'a container without added ones');
  }
  checkNamespaces(what, security?.namespaceOptions ?? undefined);
  for (const mount of config.mounts) {
    if (mount.propagation === 'PROPAGATION_BIDIRECTIONAL') {
      refuse(what, `mount "${mount.containerPath}" is bidirectional`, 'HostToContainer or None');
    }
    if (mount.image !== null && mount.image !== undefined) {
      refuse(what, `mount "${mount.containerPath}" is an image volume`, 'containerd');
    }
  }
  for (const device of config.devices) {
    if (!device.permissions.includes('w')) {
      refuse(what, `device "${device.containerPath}" cannot be given read-only here`, 'a writable one');
    }
  }
}

function checkNamespaces(what: string, options: NamespaceOption | undefined): void {
  for (const kind of ['pid', 'ipc'] as const) {
    const mode = options?.[kind];
    if (mode === 'NODE' || mode === 'TARGET') {
      refuse(what, `${kind} namespace mode ${mode} is not possible here`, 'POD or CONTAINER');
    }
  }
  if ((options?.usernsOptions?.mode ?? 'NODE') !== 'NODE') {
    refuse(what, 'user namespaces are not possible here', 'hostUsers');
  }
}

function refuse(what: string, problem: string, remedy: string): never {
  throw new GrpcError('INVALID_ARGUMENT', `Cannot run ${what} in the sandbox: ${problem}: use ${remedy}`);
}

function knownUser(
  security: LinuxContainerSecurityContext | undefined,
  lookUpUser: PlanInput['lookUpUser'],
): KnownUser | undefined {
  const name = security?.runAsUsername ?? '';
  return lookUpUser(security?.runAsUser?.value ?? (name === '' ? '0' : name));
}

function userIdentity(
  name: string,
  security: LinuxContainerSecurityContext | undefined,
  known: KnownUser | undefined,
): UserIdentity {
  const given = security?.runAsUser?.value;
  const username = security?.runAsUsername ?? '';
  if (given === undefined && username !== '' && known === undefined) {
    refuse(`container "${name}"`, `user "${username}" is not in the machine's passwd`, 'a number');
  }
  const uid = given === undefined ? (known?.uid ?? 0) : id(name, 'runAsUser', given);
  const group = security?.runAsGroup?.value;
  const gid = group === undefined ? (known?.gid ?? 0) : id(name, 'runAsGroup', group);
  const groups = (security?.supplementalGroups ?? []).map((value) => id(name, 'supplementalGroups', value));
  return { uid, gid, groups };
}

function id(name: string, field: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > MAX_ID) {
    refuse(`container "${name}"`, `${field} "${text}" is not an id`, `0 to ${MAX_ID}`);
  }
  return value;
}

function absolutePath(name: string, field: string, path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (!path.startsWith('/') || parts.includes('..') || path.includes('\0')) {
    refuse(
      `container "${name}"`,
      `${field} "${path}" is not an absolute path without ".."`,
      'one like "/data"',
    );
  }
  return `/${parts.join('/')}`;
}

function environment(
  name: string,
  config: ContainerConfig,
  defaults: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = { PATH: DEFAULT_PATH, ...defaults };
  if (config.tty) env['TERM'] = 'xterm';
  for (const { key, value } of config.envs) {
    const text = Buffer.from(value).toString();
    if (key === '' || key.includes('=') || `${key}${text}`.includes('\0')) {
      refuse(`container "${name}"`, `environment name "${key}" cannot be set`, 'a name without "="');
    }
    env[key] = text;
  }
  return env;
}

// A shell hands on only names that it could set itself, and some mean something to it; `env` sets those.
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SHELL_OWN = new Set([
  'IFS',
  'OPTIND',
  'OPTARG',
  'PPID',
  'LINENO',
  'UID',
  'EUID',
  'SHELLOPTS',
  'BASHOPTS',
]);

function isPlain(name: string): boolean {
  return SHELL_NAME.test(name) && !SHELL_OWN.has(name);
}

function oddNames(env: Readonly<Record<string, string>>): readonly string[] {
  const odd = Object.entries(env).filter(([name]) => !isPlain(name));
  return odd.length === 0 ? [] : ['/usr/bin/env', ...odd.map(([name, value]) => `${name}=${value}`)];
}
