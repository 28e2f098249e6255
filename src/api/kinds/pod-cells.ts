// The columns of `kubectl get pods`, with the one-word status that kubectl derives from phase, conditions and
// container states.
import { humanDuration } from '../human-duration.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { ageOf } from './age.ts';
import { cellText, column } from './define-kind.ts';
import { type Field, rootOf } from './field.ts';

export const podColumns = [
  column('Ready'),
  column('Status'),
  column('Restarts'),
  column('Age'),
  column('IP', { wide: true }),
  column('Node', { wide: true }),
  column('Nominated Node', { wide: true }),
  column('Readiness Gates', { wide: true }),
];

export function podRow(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const facts = summarize(root);
  const ip = cellText(
    root.at('status', 'podIPs').items[0]?.child('ip').value,
    root.at('status', 'podIP').text,
  );
  return [
    `${facts.ready}/${facts.total}`,
    facts.reason,
    restartsCell(facts, now),
    ageOf(object, now),
    cellText(ip, '<none>'),
    cellText(root.at('spec', 'nodeName').value, '<none>'),
    cellText(root.at('status', 'nominatedNodeName').value, '<none>'),
    gatesCell(root),
  ];
}

interface Summary {
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: number;
  /** Epoch ms of the last termination; undefined when none is recorded. */
  readonly lastRestart: number | undefined;
}

/** What a walk over one list of container statuses found. */
interface Walk {
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: number | undefined;
}

function summarize(root: Field): Summary {
  const sidecars = sidecarNames(root);
  const init = walkInit(root, sidecars);
  const total = root.at('spec', 'containers').size + sidecars.size;
  const base = { ...init, reason: init.reason ?? plainReason(root), total };
  // Init containers may run again after a restart of the pod's sandbox: then the main containers speak.
  const speaksInit = init.reason !== undefined && conditionOf(root, 'Initialized') !== 'True';
  if (speaksInit) return { ...base, reason: deletionReason(root, base.reason) };
  const main = walkMain(root, base.reason);
  const sidecarRestarts = init.sidecarRestarts;
  return {
    total,
    reason: deletionReason(root, main.reason ?? base.reason),
    ready: init.ready + main.ready,
    restarts: sidecarRestarts.restarts + main.restarts,
    lastRestart: latest(sidecarRestarts.lastRestart, main.lastRestart),
  };
}

function plainReason(root: Field): string {
  const gated = root
    .at('status', 'conditions')
    .items.some(
      (item) => item.child('type').text === 'PodScheduled' && item.child('reason').text === 'SchedulingGated',
    );
  if (gated) return 'SchedulingGated';
  return cellText(root.at('status', 'reason').value, root.at('status', 'phase').text);
}

function sidecarNames(root: Field): ReadonlySet<string> {
  const sidecars = root
    .at('spec', 'initContainers')
    .items.filter((container) => container.child('restartPolicy').text === 'Always');
  return new Set(sidecars.map((container) => container.child('name').text));
}

interface InitWalk extends Walk {
  readonly sidecarRestarts: Pick<Walk, 'restarts' | 'lastRestart'>;
}

/** Goes through the init containers up to the first that is not done; `reason` is set when there is one. */
function walkInit(root: Field, sidecars: ReadonlySet<string>): InitWalk {
  const count = root.at('spec', 'initContainers').size;
  let all = { restarts: 0, lastRestart: undefined as number | undefined };
  let side = all;
  let ready = 0;
  for (const [index, status] of root.at('status', 'initContainerStatuses').items.entries()) {
    const isSidecar = sidecars.has(status.child('name').text);
    all = withRestarts(all, status);
    if (isSidecar) side = withRestarts(side, status);
    const ended = status.at('state', 'terminated');
    if (ended.present && (ended.child('exitCode').number ?? 0) === 0) continue;
    if (isSidecar && status.child('started').flag === true) {
      if (status.child('ready').flag === true) ready++;
      continue;
    }
    return { reason: initReason(status, `${index}/${count}`), ready, ...all, sidecarRestarts: side };
  }
  return { reason: undefined, ready, ...all, sidecarRestarts: side };
}

function initReason(status: Field, progress: string): string {
  const ended = status.at('state', 'terminated');
  const waiting = status.at('state', 'waiting', 'reason').text;
  if (ended.present) return `Init:${endReason(ended)}`;
  if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
  return `Init:${progress}`;
}

function endReason(ended: Field): string {
  const reason = ended.child('reason').text;
  if (reason !== '') return reason;
  const signal = ended.child('signal').number ?? 0;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${ended.child('exitCode').number ?? 0}`;
}

/** Goes through the main containers from the last to the first; the first one's reason wins. */
function walkMain(root: Field, before: string): Walk {
  let reason = before;
  let ready = 0;
  let running = false;
  let counted = { restarts: 0, lastRestart: undefined as number | undefined };
  for (const status of root.at('status', 'containerStatuses').items.toReversed()) {
    counted = withRestarts(counted, status);
    const waiting = status.at('state', 'waiting', 'reason').text;
    const ended = status.at('state', 'terminated');
    if (waiting !== '') reason = waiting;
    else if (ended.present) reason = endReason(ended);
    else if (status.child('ready').flag === true && status.at('state', 'running').present) {
      running = true;
      ready++;
    }
  }
  // A pod whose first container has completed still runs while another one does.
  if (reason === 'Completed' && running) {
    reason = conditionOf(root, 'Ready') === 'True' ? 'Running' : 'NotReady';
  }
  return { reason, ready, ...counted };
}

function withRestarts(
  sum: Pick<Walk, 'restarts' | 'lastRestart'>,
  status: Field,
): { restarts: number; lastRestart: number | undefined } {
  const finished = Date.parse(status.at('lastState', 'terminated', 'finishedAt').text);
  return {
    restarts: sum.restarts + (status.child('restartCount').number ?? 0),
    lastRestart: latest(sum.lastRestart, Number.isNaN(finished) ? undefined : finished),
  };
}

function latest(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return Math.max(left, right);
}

function deletionReason(root: Field, reason: string): string {
  if (!root.at('metadata', 'deletionTimestamp').present) return reason;
  if (root.at('status', 'reason').text === 'NodeLost') return 'Unknown';
  const phase = root.at('status', 'phase').text;
  return phase === 'Failed' || phase === 'Succeeded' ? reason : 'Terminating';
}

function conditionOf(root: Field, type: string): string | undefined {
  const found = root.at('status', 'conditions').items.find((item) => item.child('type').text === type);
  return found?.child('status').text;
}

function restartsCell({ restarts, lastRestart }: Summary, now: number): string {
  return restarts === 0 || lastRestart === undefined
    ? String(restarts)
    : `${restarts} (${humanDuration(now - lastRestart)} ago)`;
}

function gatesCell(root: Field): string {
  const gates = root.at('spec', 'readinessGates').items;
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) => conditionOf(root, gate.child('conditionType').text) === 'True');
  return `${met.length}/${gates.length}`;
}
