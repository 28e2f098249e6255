// One look at a container: a command in it, an HTTP request or a TCP connection to it, in the kubelet's words.
import type { Container, HTTPGetAction, Probe } from '#api/generated/core-v1.ts';
import { messageOf } from '#base/errors.ts';
import type { ProbeDialer } from './dialer.ts';

export interface ProbeTarget {
  readonly containerId: string;
  readonly container: Container;
  readonly probe: Probe;
  /** The pod's address. */
  readonly ip: string;
}

export interface RunProbeDeps {
  readonly dialer: ProbeDialer;
  readonly exec: (
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ) => Promise<{ readonly exitCode: number; readonly output: string }>;
}

export interface ProbeResult {
  readonly isGood: boolean;
  readonly output: string;
}

/** Never rejects: what cannot be asked has failed. */
export async function runProbe(deps: RunProbeDeps, target: ProbeTarget): Promise<ProbeResult> {
  try {
    return await ask(deps, target);
  } catch (error) {
    return { isGood: false, output: messageOf(error) };
  }
}

async function ask({ dialer, exec }: RunProbeDeps, target: ProbeTarget): Promise<ProbeResult> {
  const { probe, container, containerId, ip } = target;
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.exec !== undefined) {
    const { exitCode, output } = await exec(containerId, probe.exec.command ?? [], timeoutMs);
    return { isGood: exitCode === 0, output };
  }
  if (probe.httpGet !== undefined) return askHttp(dialer, { ...target, get: probe.httpGet }, timeoutMs);
  const { host, port = 0 } = probe.tcpSocket ?? {};
  await dialer.connect({ host: host ?? ip, port: portOf(container, port), timeoutMs });
  return { isGood: true, output: '' };
}

const FIRST_GOOD = 200;
const FIRST_BAD = 400;

async function askHttp(
  dialer: ProbeDialer,
  { get, container, ip }: ProbeTarget & { readonly get: HTTPGetAction },
  timeoutMs: number,
): Promise<ProbeResult> {
  const given = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const status = await dialer.get({
    isTls: get.scheme === 'HTTPS',
    host: get.host ?? ip,
    port: portOf(container, get.port),
    path: get.path ?? '/',
    headers: { 'User-Agent': 'kube-probe/1.36', Accept: '*/*', Connection: 'close', ...given },
    timeoutMs,
  });
  const isGood = status >= FIRST_GOOD && status < FIRST_BAD;
  return { isGood, output: isGood ? '' : `HTTP probe failed with statuscode: ${status}` };
}

function portOf(container: Container, port: number | string): number {
  const named = container.ports?.find(({ name }) => name !== undefined && name === port)?.containerPort;
  const number = named ?? Number(port);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`container "${container.name}" has no port "${port}"`);
}
