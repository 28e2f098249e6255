// Checks of label selectors, node selectors and tolerations, which several kinds carry.
import { dnsSubdomainProblems, labelKeyProblems, labelValueProblems } from '../names.ts';
import type { Field } from './field.ts';
import type { Problems } from './problems.ts';

const SET_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** A meta/v1 LabelSelector. */
export function checkLabelSelector(problems: Problems, selector: Field): void {
  for (const { name, field } of selector.child('matchLabels').entries) {
    problems.invalidAll(field, labelKeyProblems(name));
    problems.invalidAll(field, labelValueProblems(field.text));
  }
  for (const item of selector.child('matchExpressions').items) {
    checkExpression(problems, item, SET_OPERATORS);
    for (const value of item.child('values').items) {
      problems.invalidAll(value, labelValueProblems(value.text));
    }
  }
}

/** A core/v1 NodeSelector: at least one term. */
export function checkNodeSelector(problems: Problems, selector: Field): void {
  const terms = selector.child('nodeSelectorTerms');
  if (terms.size === 0) problems.required(terms, 'must have at least one node selector term');
  for (const term of terms.items) checkNodeSelectorTerm(problems, term);
}

export function checkNodeSelectorTerm(problems: Problems, term: Field): void {
  for (const item of term.child('matchExpressions').items) {
    checkExpression(problems, item, [...SET_OPERATORS, 'Gt', 'Lt']);
  }
  for (const item of term.child('matchFields').items) checkMatchField(problems, item);
}

function checkExpression(problems: Problems, expression: Field, operators: readonly string[]): void {
  const operator = expression.child('operator');
  const values = expression.child('values');
  switch (operator.text) {
    case 'In':
    case 'NotIn':
      if (values.size === 0) {
        problems.required(values, "must be specified when `operator` is 'In' or 'NotIn'");
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.size > 0) {
        problems.forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      break;
    case 'Gt':
    case 'Lt':
      if (operators.includes(operator.text)) {
        if (values.size !== 1) {
          problems.required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        break;
      }
      problems.invalid(operator, 'not a valid selector operator');
      break;
    default:
      problems.invalid(operator, 'not a valid selector operator');
  }
  problems.invalidAll(expression.child('key'), labelKeyProblems(expression.child('key').text));
}

function checkMatchField(problems: Problems, expression: Field): void {
  const key = expression.child('key');
  const values = expression.child('values');
  if (!['In', 'NotIn'].includes(expression.child('operator').text)) {
    problems.invalid(expression.child('operator'), 'not a valid selector operator');
  } else if (values.size !== 1) {
    problems.required(
      values,
      "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
    );
  }
  if (key.text !== 'metadata.name') problems.invalid(key, 'not a valid field selector key');
  else for (const value of values.items) problems.invalidAll(value, dnsSubdomainProblems(value.text));
}

/** `nodeSelector` and the like: a map of labels. */
export function checkLabels(problems: Problems, labels: Field): void {
  for (const { name, field } of labels.entries) {
    problems.invalidAll(field, labelKeyProblems(name));
    problems.invalidAll(field, labelValueProblems(field.text));
  }
}

/** A topology term of a StorageClass: keys with non-empty lists of distinct values. */
export function checkTopologyTerm(problems: Problems, term: Field): void {
  const seenKeys = new Set<string>();
  for (const item of term.child('matchLabelExpressions').items) {
    const key = item.child('key');
    const values = item.child('values');
    problems.invalidAll(key, labelKeyProblems(key.text));
    if (seenKeys.has(key.text)) problems.duplicate(key);
    seenKeys.add(key.text);
    if (values.size === 0) problems.required(values);
    checkDistinct(problems, values);
  }
}

/** Each repeated text of a list is a Duplicate. */
export function checkDistinct(problems: Problems, list: Field): void {
  const seen = new Set<string>();
  for (const item of list.items) {
    if (seen.has(item.text)) problems.duplicate(item);
    seen.add(item.text);
  }
}
