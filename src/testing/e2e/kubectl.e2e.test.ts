// What users do with stock kubectl, on one Holdfast that all tests of the file share.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from './holdfast-process.ts';
import { findKubectl, type Kubectl, kubectlFor } from './kubectl.ts';
import { watchMachine } from './machine.ts';
import { claim, shell } from './manifests.ts';

const found = findKubectl();
if ('missing' in found) process.stdout.write(`skipped: kubectl.e2e: ${found.missing}\n`);

const QUICKSTART = 'examples/quickstart.yaml';

describe.skipIf('missing' in found)('kubectl', () => {
  watchMachine();
  let holdfast: RunningHoldfast;
  let kubectl: Kubectl;

  beforeAll(async () => {
    holdfast = await startHoldfast(newDataDirectory());
    kubectl = kubectlFor('path' in found ? found.path : '', holdfast.kubeconfig);
    await kubectl.ok(['apply', '-f', QUICKSTART]);
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/writer', '--timeout=30s']);
  });

  afterAll(async () => {
    await kubectl.ok(['delete', '-f', QUICKSTART, '--ignore-not-found']);
    await kubectl.ok(['delete', 'pods,pvc', '--all', '--ignore-not-found']);
    await until('the volumes to be gone', async () =>
      (await kubectl.ok(['get', 'pv', '-o', 'name'])) === '' ? true : undefined,
    );
    expect([await holdfast.stop('SIGINT'), holdfast.errors()]).toEqual([0, '']);
    await removeDataDirectory(holdfast.dataDir);
  });

  test('apply twice changes nothing the second time', async () => {
    const out = await kubectl.ok(['apply', '-f', QUICKSTART]);
    expect(out.trim().split('\n')).toEqual([
      'storageclass.storage.k8s.io/disk unchanged',
      'persistentvolumeclaim/data unchanged',
      'pod/writer unchanged',
    ]);
    expect(await kubectl.ok(['diff', '-f', QUICKSTART])).toBe('');
  });

  test('apply refuses an unknown field and names it', async () => {
    const { code, err } = await kubectl.run(
      ['apply', '-f', '-'],
      `${claim('typo')}  storageClasName: disk\n`,
    );
    expect(code).toBe(1);
    expect(err).toContain('unknown field "spec.storageClasName"');
    expect((await kubectl.run(['get', 'pvc', 'typo'])).code).toBe(1);
  });

  test('apply --validate=warn warns of an unknown field and goes on', async () => {
    const input = `${claim('warned')}  storageClasName: disk\n`;
    const { code, out, err } = await kubectl.run(['apply', '--validate=warn', '-f', '-'], input);
    expect([code, out]).toEqual([0, 'persistentvolumeclaim/warned created\n']);
    expect(err).toContain('unknown field "spec.storageClasName"');
    await kubectl.ok(['delete', 'pvc', 'warned']);
  });

  test('apply --server-side --dry-run=server validates and stores nothing', async () => {
    expect(await kubectl.ok(['create', '--dry-run=server', '-f', '-'], claim('dry'))).toBe(
      'persistentvolumeclaim/dry created (server dry run)\n',
    );
    expect((await kubectl.run(['get', 'pvc', 'dry'])).err).toContain('"dry" not found');
  });

  test.each([
    ['pods', 'writer +1/1 +Running +0 '],
    ['pods -o wide', 'writer .* node-1 '],
    ['pvc', 'data +Bound +pvc-[0-9a-f-]+ +1Gi +RWO +disk '],
    ['pv', 'pvc-[0-9a-f-]+ +1Gi +RWO +Delete +Bound +default/data +disk '],
    ['sc', 'disk +disk.holdfast.dev +Delete +WaitForFirstConsumer +true '],
    ['nodes', 'node-1 +Ready +<none> '],
    ['volumeattachments', 'csi-[0-9a-f]{64} +disk.holdfast.dev +pvc-[0-9a-f-]+ +node-1 +true '],
    ['csinodes', 'node-1 +1 '],
    ['pdb', 'No resources found in default namespace'],
    ['ns', 'default +Active '],
    ['cm -A', 'default +kube-root-ca.crt +1 |^NAMESPACE|No resources'],
    ['sa', 'default +'],
    ['leases -n kube-node-lease', 'node-1 +node-1 '],
  ])('get %s prints its table', async (what, row) => {
    const { out, err } = await kubectl.run(['get', ...what.split(' ')]);
    expect(`${out}${err}`).toMatch(new RegExp(row, 'm'));
  });

  test('get events has the columns of kubectl, message last, name only when wide', async () => {
    const lines = (await kubectl.ok(['get', 'events'])).split('\n');
    expect(lines[0]).toMatch(/^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE$/);
    expect(lines.join('\n')).toMatch(
      /Normal +Scheduled +pod\/writer +Successfully assigned default\/writer to node-1/,
    );
    const wide = await kubectl.ok(['get', 'events', '-o', 'wide']);
    expect(wide.split('\n')[0]).toMatch(/FIRST SEEN +COUNT +NAME$/);
  });

  // A node that has just come up may be told of in FailedScheduling; nothing else goes wrong on the way.
  test('the pod of the quickstart starts without a warning of its node', async () => {
    const warnings = '--field-selector=type=Warning,reason!=FailedScheduling';
    expect(await kubectl.ok(['get', 'events', warnings])).toBe('');
  });

  test('get -o yaml, json, jsonpath and custom-columns', async () => {
    expect(await kubectl.ok(['get', 'pvc', 'data', '-o', 'yaml'])).toMatch(
      /^apiVersion: v1\nkind: PersistentVolumeClaim\n|phase: Bound/m,
    );
    const text = await kubectl.ok(['get', 'pvc', 'data', '-o', 'json']);
    expect(JSON.parse(text)).toMatchObject({ kind: 'PersistentVolumeClaim', status: { phase: 'Bound' } });
    expect(await kubectl.ok(['get', 'pvc', 'data', '-o', 'jsonpath={.status.phase}'])).toBe('Bound');
    const columns = 'custom-columns=N:.metadata.name,P:.status.phase';
    expect(await kubectl.ok(['get', 'pods', '-o', columns])).toMatch(/^N +P\nwriter +Running\n$/);
  });

  test.each([
    ['pod writer', 'ClaimName: +data'],
    ['pvc data', 'Used By: +writer'],
    ['pv', 'VolumeHandle: +vol-'],
    ['sc disk', 'VolumeBindingMode: +WaitForFirstConsumer'],
    ['node node-1', 'Kernel Version'],
    ['volumeattachment', 'Attached: +true'],
    ['csinode node-1', 'Topology Keys'],
    ['ns default', 'Status: +Active'],
    ['sa default', 'Name: +default'],
    ['lease -n kube-node-lease node-1', 'Holder Identity: +node-1'],
  ])('describe %s', async (what, line) => {
    expect(await kubectl.ok(['describe', ...what.split(' ')])).toMatch(new RegExp(line));
  });

  test('get -w shows each change up to the end', async () => {
    const only = '--field-selector=metadata.name=watched';
    const watching = kubectl.start(['get', 'pods', only, '-w', '--output-watch-events']);
    await kubectl.ok(['create', '-f', '-'], shell('watched', 'sleep 0.2'));
    await until('Completed in the watch', () =>
      /MODIFIED +watched .*Completed/.test(watching.out()) ? true : undefined,
    );
    await kubectl.ok(['delete', 'pod', 'watched']);
    await until('DELETED in the watch', () => (/DELETED +watched/.test(watching.out()) ? true : undefined));
    watching.kill();
    await watching.done;
    expect(watching.out()).toMatch(/ADDED +watched .*Pending/);
  });

  test('logs, and logs -f until it is stopped', async () => {
    expect(await kubectl.ok(['logs', 'writer', '--tail=2'])).toMatch(/^\d+ \S+ pod \S+\n\d+ \S+ pod \S+\n$/);
    expect(await kubectl.ok(['logs', 'writer', '--tail=1', '--timestamps'])).toMatch(
      /^\d{4}-\d\d-\d\dT\S+Z \d+ /,
    );
    const following = kubectl.start(['logs', '-f', 'writer', '--tail=1']);
    await until('three lines', () => (following.out().split('\n').length > 3 ? true : undefined));
    following.kill('SIGINT');
    await following.done;
  });

  test('logs -f of a pod that ends, ends', async () => {
    await kubectl.ok(['create', '-f', '-'], shell('brief', 'echo one; sleep 0.5; echo two >&2'));
    await kubectl
      .ok(['wait', '--for=jsonpath={.status.phase}=Running', 'pod/brief', '--timeout=20s'])
      .catch(() => '');
    expect(await kubectl.ok(['logs', '-f', 'brief'])).toBe('one\ntwo\n');
    await kubectl.ok(['delete', 'pod', 'brief']);
  });

  test('logs of a pod that is not there, or of an unknown container, say so', async () => {
    expect((await kubectl.run(['logs', 'nobody'])).err).toContain('pods "nobody" not found');
    expect((await kubectl.run(['logs', 'writer', '-c', 'other'])).err).toContain(
      'container other is not valid for pod writer',
    );
  });

  test('exec keeps the exit code, both outputs apart', async () => {
    expect(await kubectl.run(['exec', 'writer', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual(
      {
        code: 7,
        out: 'out\n',
        err: expect.stringContaining('err\ncommand terminated with exit code 7'),
      },
    );
    expect(await kubectl.ok(['exec', 'writer', '--', 'true'])).toBe('');
  });

  test('exec of a program that is not there says so', async () => {
    const { code, err } = await kubectl.run(['exec', 'writer', '--', 'no-such-program']);
    expect(code).not.toBe(0);
    expect(err).toContain('no-such-program');
  });

  test('exec -i passes standard input, also a megabyte of it', async () => {
    expect(await kubectl.ok(['exec', '-i', 'writer', '--', 'cat'], 'hello\n')).toBe('hello\n');
    const much = 'x'.repeat(1023).concat('\n').repeat(1024);
    expect(await kubectl.ok(['exec', '-i', 'writer', '--', 'wc', '-c'], much)).toBe('1048576\n');
  });

  test('exec -it is on a terminal that resizes', async () => {
    const script = 'tty; while read -r line; do stty size; done; echo bye; exit 3';
    const terminal = kubectl.startOnTerminal(['exec', '-it', 'writer', '--', 'sh', '-c', script]);
    const size = async (rows: number, columns: number): Promise<void> => {
      terminal.write('x\n');
      const isThere = (): boolean => new RegExp(`^${rows} ${columns}\\r?$`, 'm').test(terminal.out());
      await until(`the size ${rows} ${columns}`, () => {
        if (isThere()) return true;
        terminal.write('x\n');
        return undefined;
      });
    };
    await until('the terminal of the container', () =>
      /\/dev\/pts\/\d+[^]*\/dev\/pts\/\d+/.test(terminal.out()) ? true : undefined,
    );
    await size(24, 80);
    terminal.resize(41, 123);
    await size(41, 123);
    terminal.write('\u0004');
    const { code, out } = await terminal.done;
    expect([code, out]).toEqual([3, expect.stringContaining('bye')]);
  });

  test('logs --previous after a kill, and the restart is counted', async () => {
    await kubectl.run(['exec', 'writer', '--', 'sh', '-c', 'kill -9 -1']);
    const count =
      'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt}';
    await until('the restart', async () =>
      /^1 \d/.test(await kubectl.ok(['get', 'pod', 'writer', '-o', count])) ? true : undefined,
    );
    expect(await kubectl.ok(['logs', 'writer', '--previous', '--tail=1'])).toMatch(/^\d+ \S+ pod /);
    const last = '{.status.containerStatuses[0].lastState.terminated}';
    const { exitCode, reason, signal } = JSON.parse(
      await kubectl.ok(['get', 'pod', 'writer', '-o', `jsonpath=${last}`]),
    );
    expect({ exitCode, reason, signal }).toEqual({ exitCode: 137, reason: 'Error', signal: undefined });
  });

  test('patch: merge, json and strategic', async () => {
    await kubectl.ok([
      'patch',
      'pvc',
      'data',
      '--type=merge',
      '-p',
      '{"metadata":{"labels":{"a":"1","b":"2"}}}',
    ]);
    await kubectl.ok([
      'patch',
      'pvc',
      'data',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/metadata/labels/b"}]',
    ]);
    await kubectl.ok(['patch', 'pvc', 'data', '-p', '{"metadata":{"labels":{"c":"3"}}}']);
    const labels = await kubectl.ok(['get', 'pvc', 'data', '-o', 'jsonpath={.metadata.labels}']);
    expect(JSON.parse(labels)).toEqual({ a: '1', c: '3' });
    const failed = await kubectl.run([
      'patch',
      'pvc',
      'data',
      '--type=json',
      '-p',
      '[{"op":"test","path":"/kind","value":"x"}]',
    ]);
    expect([failed.code, failed.err]).toEqual([1, expect.stringMatching(/test/i)]);
  });

  test('label and annotate; selectors find by them', async () => {
    await kubectl.ok(['label', 'pod', 'writer', 'tier=front']);
    expect((await kubectl.run(['label', 'pod', 'writer', 'tier=back'])).err).toContain('--overwrite');
    await kubectl.ok(['annotate', 'pod', 'writer', 'note=here']);
    const get = (...args: string[]): Promise<string> => kubectl.ok(['get', 'pods', '-o', 'name', ...args]);
    expect(await get('-l', 'tier in (front, back),!absent')).toBe('pod/writer\n');
    expect(await get('-l', 'tier!=front')).toBe('');
    expect(await get('--field-selector=status.phase=Running,spec.nodeName=node-1')).toBe('pod/writer\n');
    expect(await get('--field-selector=metadata.name!=writer')).toBe('');
    expect((await kubectl.run(['get', 'pods', '--field-selector=spec.bogus=1'])).err).toContain(
      'field label not supported',
    );
    await kubectl.ok(['label', 'pod', 'writer', 'tier-']);
  });

  test('replace with a stale resourceVersion is a Conflict', async () => {
    const old = await kubectl.ok(['get', 'pvc', 'data', '-o', 'json']);
    await kubectl.ok(['annotate', 'pvc', 'data', 'touched=yes']);
    const { code, err } = await kubectl.run(['replace', '-f', '-'], old);
    expect(code).toBe(1);
    expect(err).toContain(
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('get --chunk-size pages through', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await kubectl.ok(['create', 'configmap', name]);
    const get = ['get', 'cm', '-o', 'name', '--field-selector=metadata.name!=kube-root-ca.crt'];
    const out = await kubectl.ok([...get, '--chunk-size=2']);
    expect(out.split('\n').filter((line) => line.includes('page-'))).toHaveLength(3);
    await kubectl.ok(['delete', 'cm', 'page-a', 'page-b', 'page-c']);
  });

  test('create takes JSON; a second create is AlreadyExists', async () => {
    const json = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'j' },
      data: { k: 'v' },
    });
    expect(await kubectl.ok(['create', '-f', '-'], json)).toBe('configmap/j created\n');
    expect((await kubectl.run(['create', '-f', '-'], json)).err).toContain('configmaps "j" already exists');
    expect(await kubectl.ok(['get', 'cm', 'j', '-o', 'jsonpath={.data.k}'])).toBe('v');
    await kubectl.ok(['delete', 'cm', 'j']);
  });

  test('create secret, serviceaccount and namespace as kubectl makes them', async () => {
    await kubectl.ok(['create', 'secret', 'generic', 's', '--from-literal=a=b']);
    expect(await kubectl.ok(['describe', 'secret', 's'])).toMatch(/a: +1 bytes/);
    await kubectl.ok(['create', 'serviceaccount', 'robot']);
    await kubectl.ok(['delete', 'secret/s', 'serviceaccount/robot']);
  });

  test('delete waits; --grace-period is kept', async () => {
    await kubectl.ok(['create', '-f', '-'], shell('stubborn', "trap '' TERM; while :; do sleep 0.1; done"));
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/stubborn', '--timeout=20s']);
    const begun = performance.now();
    expect(await kubectl.ok(['delete', 'pod', 'stubborn', '--grace-period=2'])).toContain(
      'pod "stubborn" deleted',
    );
    expect(performance.now() - begun).toBeGreaterThan(1_800);
    expect(await kubectl.ok(['get', 'pods', '-o', 'name'])).toBe('pod/writer\n');
  });

  test('delete --grace-period=0 --force removes it at once', async () => {
    await kubectl.ok(['create', '-f', '-'], shell('forced', 'sleep 1000'));
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/forced', '--timeout=20s']);
    await kubectl.ok(['delete', 'pod', 'forced', '--grace-period=0', '--force']);
    expect((await kubectl.run(['get', 'pod', 'forced'])).err).toContain('not found');
  });

  test('delete namespace takes what is in it along', async () => {
    await kubectl.ok(['create', 'namespace', 'crowded']);
    await kubectl.ok(['create', 'configmap', 'c', '-n', 'crowded']);
    await kubectl.ok(['apply', '-n', 'crowded', '-f', '-'], `${claim('c')}---${shell('p', 'sleep 1000')}`);
    await kubectl.ok(['wait', '-n', 'crowded', '--for=condition=Ready', 'pod/p', '--timeout=20s']);
    await kubectl.ok(['delete', 'namespace', 'crowded']);
    expect(await kubectl.ok(['get', 'pods,pvc,cm,sa,events', '-n', 'crowded', '-o', 'name'])).toBe('');
    expect((await kubectl.run(['create', 'configmap', 'c', '-n', 'crowded'])).err).toContain(
      'namespaces "crowded" not found',
    );
  });

  test('api-resources, api-versions, explain, cluster-info and version', async () => {
    const resources = await kubectl.ok(['api-resources', '--no-headers']);
    expect(resources).toMatch(/^volumeattachments +storage.k8s.io\/v1 +false +VolumeAttachment$/m);
    expect(await kubectl.ok(['api-versions'])).toMatch(/^storage\.k8s\.io\/v1$[^]*^v1$/m);
    const explained = await kubectl.ok(['explain', 'pvc.spec.volumeMode']);
    expect(explained).toMatch(/FIELD: volumeMode <string>/);
    expect((await kubectl.run(['version'])).out).toContain('Server Version: v1.36.');
    expect(await kubectl.ok(['get', '--raw', '/readyz'])).toBe('ok');
  });

  test('a claim in use is kept until its pod has gone', async () => {
    await kubectl.ok(['delete', 'pvc', 'data', '--wait=false']);
    expect(await kubectl.ok(['get', 'pvc', 'data'])).toMatch(/^data +Terminating/m);
    await kubectl.ok(['delete', 'pod', 'writer']);
    await kubectl.ok(['wait', '--for=delete', 'pvc/data', '--timeout=20s']);
  });
});
