// What Kubernetes accepts of one container: name, image, ports, variables, mounts, resources, probes.
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import type { Field } from './field.ts';
import { configKeyProblems, envNameProblems, portNameProblems, portProblems } from './grammar.ts';
import { checkContainerMounts } from './container-mounts.ts';
import type { Problems } from './problems.ts';
import { checkLifecycle, checkProbes } from './probe-validate.ts';
import { checkContainerResources } from './quantity-check.ts';

const ENV_SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];

export interface ContainerContext {
  readonly volumes: ReadonlyMap<string, Field>;
  /** Names of containers seen so far, over all lists of the pod. */
  readonly names: Set<string>;
  readonly onHost: boolean;
}

export function checkContainer(problems: Problems, container: Field, context: ContainerContext): void {
  const name = container.child('name');
  problems.named(name, dnsLabelProblems);
  if (context.names.has(name.text)) problems.duplicate(name);
  context.names.add(name.text);
  checkImage(problems, container);
  checkPorts(problems, container.child('ports'), context.onHost);
  checkEnvironment(problems, container);
  checkContainerMounts(problems, container, context.volumes);
  checkContainerResources(problems, container.child('resources'));
  checkLifecycle(problems, container.child('lifecycle'));
  checkProbes(problems, container);
  problems.oneOf(container.child('terminationMessagePolicy'), ['FallbackToLogsOnError', 'File']);
}

function checkImage(problems: Problems, container: Field): void {
  const image = container.child('image');
  if (image.text === '') problems.required(image);
  else if (image.text !== image.text.trim()) {
    problems.invalid(image, 'must not have leading or trailing whitespace');
  }
  problems.oneOf(container.child('imagePullPolicy'), ['Always', 'IfNotPresent', 'Never']);
}

function checkPorts(problems: Problems, ports: Field, onHost: boolean): void {
  const names = new Set<string>();
  for (const port of ports.items) {
    const name = port.child('name');
    problems.optionallyNamed(name, portNameProblems);
    if (name.text !== '' && names.has(name.text)) problems.duplicate(name);
    names.add(name.text);
    const inside = port.child('containerPort');
    const outside = port.child('hostPort');
    if (inside.number === undefined || inside.number === 0) problems.required(inside);
    else problems.invalidAll(inside, portProblems(inside.number));
    if (outside.number !== undefined && outside.number !== 0) {
      problems.invalidAll(outside, portProblems(outside.number));
      if (onHost && outside.number !== inside.number) {
        problems.invalid(inside, 'must match `hostPort` when `hostNetwork` is true');
      }
    }
    problems.oneOf(port.child('protocol'), ['SCTP', 'TCP', 'UDP']);
  }
}

function checkEnvironment(problems: Problems, container: Field): void {
  for (const variable of container.child('env').items) {
    problems.named(variable.child('name'), envNameProblems);
    if (variable.child('valueFrom').present) checkValueFrom(problems, variable);
  }
  for (const source of container.child('envFrom').items) {
    problems.optionallyNamed(source.child('prefix'), envNameProblems);
    const given = ['configMapRef', 'secretRef'].filter((name) => source.child(name).present);
    if (given.length === 0) problems.invalid(source, 'must specify one of: `configMapRef` or `secretRef`');
    if (given.length > 1) problems.invalid(source, 'may not have more than one field specified at a time');
    for (const name of given) problems.named(source.at(name, 'name'), dnsSubdomainProblems);
  }
}

function checkValueFrom(problems: Problems, variable: Field): void {
  const from = variable.child('valueFrom');
  const given = ENV_SOURCES.filter((name) => from.child(name).present);
  if (given.length === 0) {
    problems.invalid(
      from,
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
    );
  }
  if (variable.child('value').text !== '') {
    problems.invalid(from, 'may not be specified when `value` is not empty');
  } else if (given.length > 1) {
    problems.invalid(from, 'may not have more than one field specified at a time');
  }
  for (const name of ['configMapKeyRef', 'secretKeyRef']) {
    const ref = from.child(name);
    if (!ref.present) continue;
    problems.named(ref.child('name'), dnsSubdomainProblems);
    problems.named(ref.child('key'), configKeyProblems);
  }
  const path = from.at('fieldRef', 'fieldPath');
  if (from.child('fieldRef').present && path.text === '') problems.required(path);
  const resource = from.at('resourceFieldRef', 'resource');
  if (from.child('resourceFieldRef').present && resource.text === '') problems.required(resource);
}
