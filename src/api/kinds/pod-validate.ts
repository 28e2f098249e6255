// What Kubernetes accepts of a new pod.
import type { JsonObject } from '../json.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { checkContainer, type ContainerContext } from './container-validate.ts';
import { type Field, rootOf } from './field.ts';
import { checkVolumes } from './pod-volume-validate.ts';
import { Problems } from './problems.ts';
import { checkLabels, checkNodeSelector, checkNodeSelectorTerm } from './selector-check.ts';
import { checkTolerations } from './tolerations.ts';

const MAX_INT32 = 2 ** 31 - 1;

export function validatePod(object: JsonObject): Problems {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  const context: ContainerContext = {
    volumes: checkVolumes(problems, spec.child('volumes'), rootOf(object).at('metadata', 'name').text),
    names: new Set(),
    onHost: spec.child('hostNetwork').flag === true,
  };
  if (spec.child('containers').size === 0) problems.required(spec.child('containers'));
  for (const container of spec.child('containers').items) checkContainer(problems, container, context);
  for (const container of spec.child('initContainers').items) {
    checkContainer(problems, container, context);
    checkInitContainer(problems, container);
  }
  checkPolicies(problems, spec);
  checkPlacement(problems, spec);
  return problems;
}

/** Pods arrive without ephemeral containers; those come through a subresource. */
export function validateNewPod(object: JsonObject): Problems {
  const problems = validatePod(object);
  const ephemeral = rootOf(object).at('spec', 'ephemeralContainers');
  if (ephemeral.size > 0) problems.forbidden(ephemeral, 'cannot be set on create');
  return problems;
}

function checkInitContainer(problems: Problems, container: Field): void {
  const policy = container.child('restartPolicy');
  if (policy.text === 'Always') return;
  for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (container.child(name).present) {
      problems.forbidden(
        container.child(name),
        'may not be set for init containers without restartPolicy=Always',
      );
    }
  }
}

function checkPolicies(problems: Problems, spec: Field): void {
  problems.oneOf(spec.child('restartPolicy'), ['Always', 'Never', 'OnFailure']);
  problems.oneOf(spec.child('dnsPolicy'), ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']);
  const deadline = spec.child('activeDeadlineSeconds');
  const seconds = deadline.number;
  if (seconds !== undefined && (seconds < 1 || seconds > MAX_INT32)) {
    problems.invalid(deadline, `must be between 1 and ${MAX_INT32}, inclusive`);
  }
  const grace = spec.child('terminationGracePeriodSeconds');
  if (grace.number === undefined) problems.required(grace);
  else if (grace.number < 0) problems.invalid(grace, 'must be greater than or equal to 0');
  const fsGroup = spec.at('securityContext', 'fsGroup');
  if (fsGroup.number !== undefined && (fsGroup.number < 0 || fsGroup.number > MAX_INT32)) {
    problems.invalid(fsGroup, `must be between 0 and ${MAX_INT32}, inclusive`);
  }
}

function checkPlacement(problems: Problems, spec: Field): void {
  problems.optionallyNamed(spec.child('serviceAccountName'), dnsSubdomainProblems);
  problems.optionallyNamed(spec.child('nodeName'), dnsSubdomainProblems);
  problems.optionallyNamed(spec.child('hostname'), dnsLabelProblems);
  problems.optionallyNamed(spec.child('subdomain'), dnsLabelProblems);
  if (spec.child('schedulerName').text === '') problems.required(spec.child('schedulerName'));
  checkLabels(problems, spec.child('nodeSelector'));
  checkTolerations(problems, spec.child('tolerations'));
  const affinity = spec.at('affinity', 'nodeAffinity');
  const required = affinity.child('requiredDuringSchedulingIgnoredDuringExecution');
  if (required.present) checkNodeSelector(problems, required);
  for (const term of affinity.child('preferredDuringSchedulingIgnoredDuringExecution').items) {
    const weight = term.child('weight').number ?? 0;
    if (weight < 1 || weight > 100) {
      problems.invalid(term.child('weight'), 'must be in the range 1-100');
    }
    checkNodeSelectorTerm(problems, term.child('preference'));
  }
}
