// Probes and lifecycle hooks: exactly one handler, and numbers that make sense.
import type { Field } from './field.ts';
import { portNameProblems, portProblems } from './grammar.ts';
import type { Problems } from './problems.ts';

const PROBE_HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'];
const HOOK_HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'sleep'];

export function checkProbes(problems: Problems, container: Field): void {
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container.child(name);
    if (!probe.present) continue;
    checkHandler(problems, probe, PROBE_HANDLERS);
    for (const count of [
      'initialDelaySeconds',
      'timeoutSeconds',
      'periodSeconds',
      'successThreshold',
      'failureThreshold',
    ]) {
      checkNotNegative(problems, probe.child(count));
    }
    const successes = probe.child('successThreshold');
    if (name !== 'readinessProbe' && successes.number !== undefined && successes.number !== 1) {
      problems.invalid(successes, 'must be 1');
    }
    checkGrace(problems, probe.child('terminationGracePeriodSeconds'), name);
  }
}

function checkGrace(problems: Problems, grace: Field, probe: string): void {
  if (!grace.present) return;
  if (probe === 'readinessProbe') problems.invalid(grace, 'must not be set for readinessProbes');
  else if ((grace.number ?? 1) <= 0) problems.invalid(grace, 'must be greater than 0');
}

export function checkLifecycle(problems: Problems, lifecycle: Field): void {
  for (const name of ['postStart', 'preStop']) {
    if (lifecycle.child(name).present) checkHandler(problems, lifecycle.child(name), HOOK_HANDLERS);
  }
}

function checkHandler(problems: Problems, handler: Field, kinds: readonly string[]): void {
  const [first, ...more] = kinds.map((kind) => handler.child(kind)).filter((field) => field.present);
  if (first === undefined) problems.required(handler, 'must specify a handler type');
  for (const field of more) problems.forbidden(field, 'may not specify more than 1 handler type');
  const command = handler.at('exec', 'command');
  if (handler.child('exec').present && command.size === 0) problems.required(command);
  const get = handler.child('httpGet');
  if (get.present) {
    if (get.child('path').text === '') problems.required(get.child('path'));
    checkPort(problems, get.child('port'));
    problems.oneOf(get.child('scheme'), ['HTTP', 'HTTPS']);
  }
  if (handler.child('tcpSocket').present) checkPort(problems, handler.at('tcpSocket', 'port'));
  if (handler.child('grpc').present) checkPort(problems, handler.at('grpc', 'port'));
}

function checkPort(problems: Problems, port: Field): void {
  if (typeof port.value === 'string') problems.invalidAll(port, portNameProblems(port.value));
  else problems.invalidAll(port, portProblems(port.number ?? 0));
}

function checkNotNegative(problems: Problems, at: Field): void {
  if ((at.number ?? 0) < 0) problems.invalid(at, 'must be greater than or equal to 0');
}
