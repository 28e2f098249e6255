// Label selectors as values: from the text of a query or a LabelSelector of the API, matched against labels. Field
// selectors are beside them in field-selector.ts.
import type { LabelSelector as LabelSelectorObject } from './generated/meta-v1.ts';
import {
  checked,
  INTEGER,
  type LabelOperator,
  type LabelRequirement,
  parseRequirements,
} from './label-selector-syntax.ts';
import { badRequest } from './status.ts';

export type { FieldRequirement, FieldSelector } from './field-selector.ts';
export { matchesFields, parseFieldSelector, requireFields } from './field-selector.ts';
export type { LabelOperator, LabelRequirement } from './label-selector-syntax.ts';

/** All requirements must hold; none at all selects everything, unless `nothing` is set. */
export interface LabelSelector {
  readonly nothing?: boolean;
  readonly requirements: readonly LabelRequirement[];
}

const NOTHING: LabelSelector = { nothing: true, requirements: [] };

/** Parses the `labelSelector` parameter. Throws a 400 StatusError. */
export function parseLabelSelector(text: string): LabelSelector {
  return { requirements: parseRequirements(text) };
}

/** A LabelSelector of the API: absent selects nothing, empty selects everything. Throws a 400 when malformed. */
export function selectorFromObject(object: LabelSelectorObject | undefined): LabelSelector {
  if (object === undefined) return NOTHING;
  const equal = Object.entries(object.matchLabels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] }),
  );
  const expressions = (object.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const known = requirementOperator(operator, values.length);
    return checked(key, { key, operator: known, values });
  });
  return { requirements: [...equal, ...expressions] };
}

function requirementOperator(operator: string, values: number): LabelOperator {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values === 0) throw badRequest(`label selector operator "${operator}": values must be non-empty`);
      return operator;
    case 'Exists':
    case 'DoesNotExist':
      if (values > 0) throw badRequest(`label selector operator "${operator}": values must be empty`);
      return operator;
    default:
      throw badRequest(
        `label selector operator "${operator}" is not valid: In, NotIn, Exists or DoesNotExist is needed`,
      );
  }
}

type Labels = Readonly<Record<string, string | undefined>>;

export function matchesLabels(selector: LabelSelector, labels: Labels | undefined): boolean {
  if (selector.nothing === true) return false;
  return selector.requirements.every((requirement) => matchesRequirement(requirement, labels ?? {}));
}

/** What label selectors and node selectors have in common. */
type Requirement = Pick<LabelRequirement, 'key' | 'operator'> & {
  readonly values?: readonly string[] | undefined;
};

/** True when the labels meet the requirement. */
export function matchesRequirement({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return value !== undefined && INTEGER.test(value) && isBeyond(operator, BigInt(value), values[0]);
  }
}

function isBeyond(operator: 'Gt' | 'Lt', value: bigint, bound: string | undefined): boolean {
  // A node selector's bound is not checked when it is stored.
  if (bound === undefined || !INTEGER.test(bound)) return false;
  return operator === 'Gt' ? value > BigInt(bound) : value < BigInt(bound);
}
