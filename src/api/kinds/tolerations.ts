// Tolerations and taints: what Kubernetes accepts of them.
import { labelKeyProblems, labelValueProblems } from '../names.ts';
import type { Field } from './field.ts';
import type { Problems } from './problems.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function checkTolerations(problems: Problems, list: Field): void {
  for (const toleration of list.items) checkToleration(problems, toleration);
}

function checkToleration(problems: Problems, toleration: Field): void {
  const key = toleration.child('key');
  const operator = toleration.child('operator');
  const value = toleration.child('value');
  const effect = toleration.child('effect');
  problems.optionallyNamed(key, labelKeyProblems);
  if (key.text === '' && operator.text !== 'Exists') {
    problems.invalid(
      operator,
      'operator must be Exists when `key` is empty, which means "match all values and all keys"',
    );
  }
  if (toleration.child('tolerationSeconds').present && effect.text !== 'NoExecute') {
    problems.invalid(effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  if (operator.text === '' || operator.text === 'Equal') {
    problems.invalidAll(value, labelValueProblems(value.text));
  } else if (operator.text === 'Exists') {
    if (value.text !== '') problems.invalid(operator, "value must be empty when `operator` is 'Exists'");
  } else {
    problems.notSupported(operator, ['Equal', 'Exists']);
  }
  if (effect.text !== '' && !EFFECTS.includes(effect.text)) problems.notSupported(effect, EFFECTS);
}

/** A node's taints: qualified keys, known effects, each key and effect once. */
export function checkTaints(problems: Problems, list: Field): void {
  const seen = new Set<string>();
  for (const taint of list.items) {
    const key = taint.child('key');
    const effect = taint.child('effect');
    problems.named(key, labelKeyProblems);
    problems.optionallyNamed(taint.child('value'), labelValueProblems);
    problems.oneOf(effect, EFFECTS);
    const identity = `${key.text}:${effect.text}`;
    if (seen.has(identity)) problems.duplicate(taint);
    seen.add(identity);
  }
}
