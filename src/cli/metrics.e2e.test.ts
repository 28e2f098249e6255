// /metrics of `holdfast up`, as Prometheus scrapes it; and the loops that --controllers leaves out.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { persistentVolumeClaims, storageClasses } from '#api/resources.ts';
import { realClock } from '#base/real/clock.ts';
import { connectServer } from '#client/https-transport.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { wholeBody } from '#client/response-body.ts';
import { DISK_DRIVER, layoutOf } from '#compose/layout.ts';
import {
  newDataDirectory,
  removeDataDirectory,
  type RunningHoldfast,
  startHoldfast,
  until,
} from '#testing/e2e/holdfast-process.ts';
import { watchMachine } from '#testing/e2e/machine.ts';
import { realHttp } from '#transport/real/http.ts';

watchMachine();
let holdfast: RunningHoldfast;

beforeAll(async () => {
  holdfast = await startHoldfast(newDataDirectory(), ['--controllers', '*,-unused']);
});

afterAll(async () => {
  expect([await holdfast.stop('SIGINT'), holdfast.errors()]).toEqual([0, '']);
  await removeDataDirectory(holdfast.dataDir);
});

async function scrape(kubeconfig: string): Promise<{ readonly status: number; readonly text: string }> {
  const config = await parseKubeconfig(readFileSync(kubeconfig, 'utf8'), {
    path: kubeconfig,
    readFile: () => Promise.resolve(undefined),
  });
  await using server = connectServer(realHttp(), config, realClock());
  const signal = AbortSignal.timeout(10_000);
  const { status, body } = await server.send({
    method: 'GET',
    path: '/metrics',
    headers: {},
    user: undefined,
    signal,
  });
  return { status, text: Buffer.from(await wholeBody(body)).toString() };
}

test('CMP12 CMP1: an administrator scrapes what the loops do; nobody else does', async () => {
  const { api, kubeconfig, dataDir } = holdfast;
  await api.create(storageClasses, {
    metadata: { name: 'now' },
    provisioner: DISK_DRIVER,
    reclaimPolicy: 'Delete',
  });
  const name = { namespace: 'default', name: 'measured' };
  await api.create(persistentVolumeClaims, {
    metadata: name,
    spec: {
      storageClassName: 'now',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Mi' } },
    },
  });
  await until('the claim to be bound', async () =>
    (await api.get(persistentVolumeClaims, name)).status?.phase === 'Bound' ? true : undefined,
  );
  const { status, text } = await scrape(kubeconfig);
  expect(status).toBe(200);
  for (const line of [
    'pv_collector_bound_pvc_count{namespace="default",storage_class="now",volume_attributes_class=""} 1',
    `pv_collector_total_pv_count{plugin_name="kubernetes.io/csi:${DISK_DRIVER}",volume_mode="Filesystem"} 1`,
    'controller_persistentvolumeclaim_provision_total{class="now",source=""} 1',
    'apiserver_storage_objects{resource="persistentvolumeclaims"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  expect(text).toContain(
    `driver_name="${DISK_DRIVER}",method_name="/csi.v1.Controller/CreateVolume",grpc_status_code="OK"`,
  );
  expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds [0-9]/m);
  expect([text.includes('{name="binding"}'), text.includes('{name="unused"}')]).toEqual([true, false]);
  wellFormed(text);
  expect((await scrape(layoutOf(dataDir).nodeKubeconfig)).status).toBe(403);
  await api.delete(persistentVolumeClaims, name);
  await until('the deletion to be counted', async () =>
    (await scrape(kubeconfig)).text.includes('controller_persistentvolume_delete_total{class="now"} 1\n')
      ? true
      : undefined,
  );
});

/** Every line is a comment or a sample, and every family's lines stand together, after its TYPE. */
function wellFormed(text: string): void {
  const seen = new Set<string>();
  let family = '';
  for (const line of text.split('\n').slice(0, -1)) {
    const [, typed] = /^# TYPE (\w+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (typed !== undefined) {
      expect(seen.has(typed)).toBe(false);
      seen.add((family = typed));
    } else if (!line.startsWith('# HELP ')) {
      const sample = /^(\w+)(\{(\w+="([^"\\]|\\.)*",?)*\})? \S+$/.exec(line);
      expect(sample?.[1]?.replace(/_(bucket|sum|count)$/, '')).toBe(
        family.replace(/_(bucket|sum|count)$/, ''),
      );
    }
  }
}
