// Checks of quantities and of resource lists (requests and limits), with Kubernetes' texts.
import { labelKeyProblems } from '../names.ts';
import { compareQuantities, parseQuantity, QUANTITY_ERROR } from '../quantity.ts';
import type { Field } from './field.ts';
import type { Problems } from './problems.ts';

const STANDARD = new Set(['cpu', 'memory', 'ephemeral-storage', 'storage']);

/** The quantity at `at` as text; undefined, with a cause, when it is no quantity. */
export function checkQuantity(problems: Problems, at: Field): string | undefined {
  const text = typeof at.value === 'number' ? String(at.value) : at.text;
  if (parseQuantity(text) !== undefined) return text;
  problems.invalid(at, QUANTITY_ERROR);
  return undefined;
}

export function checkPositiveQuantity(problems: Problems, at: Field): void {
  const quantity = checkQuantity(problems, at);
  if (quantity !== undefined && compareQuantities(quantity, '0') <= 0) {
    problems.invalid(at, 'must be greater than zero');
  }
}

export function checkNonNegativeQuantity(problems: Problems, at: Field): string | undefined {
  const quantity = checkQuantity(problems, at);
  if (quantity === undefined || compareQuantities(quantity, '0') >= 0) return quantity;
  problems.invalid(at, 'must be greater than or equal to 0');
  return undefined;
}

/** A container's `resources`: names known or qualified, nothing negative, no request above its limit. */
export function checkContainerResources(problems: Problems, resources: Field): void {
  const limits = resources.child('limits');
  const requests = resources.child('requests');
  for (const { name, field } of [...limits.entries, ...requests.entries]) {
    checkResourceName(problems, name, field);
    checkNonNegativeQuantity(problems, field);
  }
  for (const { name, field } of requests.entries) checkWithinLimit(problems, name, field, limits);
}

function checkWithinLimit(problems: Problems, name: string, request: Field, limits: Field): void {
  const limit = limits.key(name);
  if (
    !limit.present ||
    parseQuantity(request.text) === undefined ||
    parseQuantity(limit.text) === undefined
  ) {
    return;
  }
  if (compareQuantities(request.text, limit.text) > 0) {
    problems.invalid(request, `must be less than or equal to ${name} limit of ${limit.text}`);
  }
}

function checkResourceName(problems: Problems, name: string, field: Field): void {
  for (const problem of labelKeyProblems(name)) problems.invalid(field, problem);
  if (!name.includes('/') && !STANDARD.has(name) && !name.startsWith('hugepages-')) {
    problems.invalid(field, 'must be a standard resource type or fully qualified');
  }
}
