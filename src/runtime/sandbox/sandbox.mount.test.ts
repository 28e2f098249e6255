// What a container can see and do, on this machine's kernel.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CALL,
  createContainer,
  exitOf,
  logOf,
  mountTable,
  outputOf,
  runPod,
  SandboxUnderTest,
  startShell,
  statusOf,
} from './real/sandbox.fixture.ts';

const sandbox = new SandboxUnderTest();
let pod = '';

function volume(name: string): string {
  const path = `${sandbox.directory}/${name}`;
  mkdirSync(path, { recursive: true });
  return path;
}

beforeAll(async () => {
  writeFileSync(`${sandbox.hidden}/secret`, 'secret');
  await sandbox.start();
  pod = await runPod(sandbox);
});

afterAll(async () => {
  await sandbox.removeEverything();
  expect(mountTable()).toEqual(sandbox.mountsBefore);
});

describe('volumes', () => {
  it('SBX10: a container writes to a volume that is mounted in it', async () => {
    const hostPath = volume('data');
    await outputOf(sandbox, pod, 'echo hello > /data/file', {
      mounts: [{ containerPath: '/data', hostPath }],
    });
    expect(readFileSync(`${hostPath}/file`, 'utf8')).toBe('hello\n');
  });

  it('SBX13: nested mount points and single files arrive where they should', async () => {
    const outer = volume('outer');
    const inner = volume('inner');
    writeFileSync(`${sandbox.directory}/one-file`, 'text\n');
    const mounts = [
      { containerPath: '/mnt/a/b', hostPath: inner },
      { containerPath: '/mnt/a', hostPath: outer },
      { containerPath: '/mnt/a/file', hostPath: `${sandbox.directory}/one-file`, readonly: true },
    ];
    const text = await outputOf(sandbox, pod, 'touch /mnt/a/o /mnt/a/b/i; cat /mnt/a/file; ls /mnt/a', {
      mounts,
    });
    expect(text.split('\n')).toEqual(['text', 'b', 'file', 'o']);
  });

  it('SBX16: a read-only mount refuses writes', async () => {
    const mounts = [{ containerPath: '/data', hostPath: volume('ro'), readonly: true }];
    expect(await outputOf(sandbox, pod, 'touch /data/x; ls /data', { mounts })).toContain(
      'Read-only file system',
    );
  });

  it('SBX17: neither a volume nor a cover can be taken away from inside', async () => {
    const mounts = [{ containerPath: '/data', hostPath: volume('kept') }];
    const script = `umount /data || echo refused; umount ${sandbox.hidden} || echo refused; unshare -m true || echo refused`;
    const text = await outputOf(sandbox, pod, script, { mounts });
    expect(text.split('\n').filter((line) => line === 'refused')).toHaveLength(3);
  });

  it('SBX13: a mount path through a symlink of the image stays inside the container', async () => {
    const hostPath = volume('run');
    const mounts = [{ containerPath: '/var/run/holdfast-test', hostPath }];
    await outputOf(sandbox, pod, 'touch /run/holdfast-test/inside', { mounts });
    expect(readFileSync(`${hostPath}/inside`, 'utf8')).toBe('');
    expect(() => readFileSync('/run/holdfast-test/inside')).toThrow('ENOENT');
  });
});

describe('the root file system', () => {
  it('SBX15: hidden directories are empty and cannot be written', async () => {
    const text = await outputOf(
      sandbox,
      pod,
      `ls -A ${sandbox.hidden} ${sandbox.stateDirectory}; touch ${sandbox.hidden}/x`,
    );
    expect(text).not.toContain('secret');
    expect(text).toContain('Read-only file system');
  });

  it('SBX18: what is written is private and limited', async () => {
    const script = `echo x > /usr/holdfast-test; cat /usr/holdfast-test; head -c 20000000 /dev/zero > /big`;
    const text = await outputOf(sandbox, pod, script);
    expect(text).toContain('x');
    expect(text).toContain('No space left on device');
    expect(() => readFileSync('/usr/holdfast-test')).toThrow('ENOENT');
  });

  it('SBX18: a read-only root refuses writes, volumes do not', async () => {
    const text = await outputOf(sandbox, pod, 'touch /x; touch /data/y && echo written', {
      mounts: [{ containerPath: '/data', hostPath: volume('rw') }],
      linux: { securityContext: { readonlyRootfs: true } },
    });
    expect(text).toContain('Read-only file system');
    expect(text).toContain('written');
  });

  it('SBX14: /proc/sys, /sys and masked paths are covered', async () => {
    const script = `echo x > /proc/sys/kernel/core_pattern; touch /sys/x; wc -c < /proc/interrupts; cat /proc/keys | wc -c`;
    const text = await outputOf(sandbox, pod, script, {
      linux: { securityContext: { maskedPaths: ['/proc/absent', '/proc/interrupts', '/proc/keys'] } },
    });
    expect(text.match(/Read-only file system/g)).toHaveLength(2);
    expect(text.split('\n').slice(-2)).toEqual(['0', '0']);
  });

  it('SBX11: has the devices and nothing of the machine', async () => {
    const script = 'ls /dev; ls /dev/pts; head -c 3 /dev/zero | wc -c; echo x > /dev/null; ls -d /dev/loop0';
    const text = await outputOf(sandbox, pod, script);
    expect(text).toContain('No such file or directory');
    for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx', 'shm', 'fd']) {
      expect(text.split('\n')).toContain(name);
    }
  });

  it('SBX19: the mount table of the machine does not change while a container runs', async () => {
    const containerId = await startShell(sandbox, pod, 'sleep 100');
    expect(mountTable()).toEqual(sandbox.mountsBefore);
    const text = await sandbox.cri.runtime.execSync(
      { containerId, cmd: ['cat', '/proc/self/mountinfo'] },
      CALL,
    );
    expect(Buffer.from(text.stdout).toString()).not.toContain('old-root');
    await sandbox.cri.runtime.removeContainer({ containerId }, CALL);
  });
});

describe('identity', () => {
  const CAPABILITIES = 'grep -E "^(Cap|NoNewPrivs)" /proc/self/status';
  const isBare = (text: string): void => {
    for (const line of text.trim().split('\n')) {
      expect(line).toMatch(/^(Cap(Inh|Prm|Eff|Bnd|Amb):\s*0{16}|NoNewPrivs:\s*1)$/);
    }
    expect(text.trim().split('\n')).toHaveLength(6);
  };

  it('SBX21: has no capability, nor in exec', async () => {
    isBare(await outputOf(sandbox, pod, CAPABILITIES));
    const containerId = await startShell(sandbox, pod, 'sleep 100');
    const exec = await sandbox.cri.runtime.execSync({ containerId, cmd: ['sh', '-c', CAPABILITIES] }, CALL);
    isBare(Buffer.from(exec.stdout).toString());
    await sandbox.cri.runtime.removeContainer({ containerId }, CALL);
  });

  it('SBX21: has the user, group and groups asked for', async () => {
    const securityContext = {
      runAsUser: { value: '1234' },
      runAsGroup: { value: '2345' },
      supplementalGroups: ['3456', '4567'],
    };
    const text = await outputOf(sandbox, pod, 'id -u; id -g; id -G', { linux: { securityContext } });
    expect(text).toBe('1234\n2345\n2345 3456 4567');
  });

  it('SBX21: a user without rights may open its standard output and its terminal by name', async () => {
    const linux = { securityContext: { runAsUser: { value: '1234' } } };
    expect(await outputOf(sandbox, pod, 'echo named > /dev/stdout', { linux })).toBe('named');
    const text = await outputOf(sandbox, pod, 'tty; echo named > /dev/tty', { linux, tty: true });
    expect(text.replaceAll('\r', '')).toBe('/dev/pts/0\nnamed');
  });

  it('SBX20: has the host name of its pod and is alone in its PID namespace', async () => {
    const text = await outputOf(
      sandbox,
      pod,
      'hostname; cat /proc/1/comm; echo $PPID; ls -d /proc/[0-9]* | wc -l',
    );
    expect(text.split('\n').slice(0, 3)).toEqual(['pod-host', 'sh', '1']);
    expect(Number(text.split('\n')[3])).toBeLessThan(6);
  });

  it('SBX22: inherits only its standard streams', async () => {
    expect(await outputOf(sandbox, pod, 'ls /proc/self/fd')).toBe('0\n1\n2\n3'); // 3: ls reads the directory
  });

  it('SBX6: the environment arrives byte for byte, the working directory is made', async () => {
    const value = `it's "quoted" $HOME \`id\`\n\\ end`;
    const envs = [
      { key: 'VALUE', value: Buffer.from(value) },
      { key: 'my.name', value: Buffer.from('dotted') },
    ];
    const script = 'pwd; printf "%s\\n" "$VALUE"; tr "\\0" "\\n" </proc/$$/environ | grep my.name';
    const text = await outputOf(sandbox, pod, script, { envs, workingDir: '/srv/made/here' });
    expect(text).toBe(`/srv/made/here\n${value}\nmy.name=dotted`);
  });
});

describe('starting and ending', () => {
  it.each([
    { rule: 'SBX24', script: 'exit 0', exitCode: 0, reason: 'Completed' },
    { rule: 'SBX24', script: 'exit 3', exitCode: 3, reason: 'Error' },
    { rule: 'SBX24', script: 'kill -9 $$', exitCode: 137, reason: 'Error' },
    { rule: 'SBX24', script: 'kill -TERM $$', exitCode: 143, reason: 'Error' },
  ])('$rule: "$script" ends with $exitCode, $reason', async ({ script, exitCode, reason }) => {
    const containerId = await startShell(sandbox, pod, script);
    expect(await exitOf(sandbox, containerId)).toMatchObject({ exitCode, reason });
  });

  it('SBX23: a missing command fails the start with a sentence', async () => {
    const containerId = await createContainer(sandbox, pod, { command: ['no-such-program'] });
    await expect(sandbox.cri.runtime.startContainer({ containerId }, CALL)).rejects.toThrow(
      'command "no-such-program" is not an executable file in $PATH',
    );
    expect(await statusOf(sandbox, containerId)).toMatchObject({ exitCode: 128, reason: 'StartError' });
  });

  it('SBX23: a volume that is not there fails the start and leaves nothing', async () => {
    const mounts = [{ containerPath: '/data', hostPath: `${sandbox.directory}/absent` }];
    const containerId = await createContainer(sandbox, pod, { command: ['true'], mounts });
    await expect(sandbox.cri.runtime.startContainer({ containerId }, CALL)).rejects.toThrow('absent');
  });

  it('SBX1: a container without command is refused', async () => {
    await expect(createContainer(sandbox, pod, {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('SBX52: the log is complete when the container has exited', async () => {
    const containerId = await startShell(sandbox, pod, 'seq 1 20000; printf end');
    await exitOf(sandbox, containerId);
    const lines = (await logOf(sandbox, containerId)).split('\n');
    expect(lines).toHaveLength(20001);
    expect(lines.at(-1)).toBe('end');
  });
});
