// The rules of a custom resource (x-kubernetes-validations): walks object and schema together and evaluates each rule
// where it stands, within a budget for the whole object.
import { messageOf } from '#base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, sameJson } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { celValue } from './cel-values.ts';
import type { Size } from './rule-cost.ts';
import { compileRule, type RuleProgram, type RuleValues } from './rule-program.ts';
import type { StructuralSchema, ValidationRule } from './structural-schema.ts';
import { correspondingItem, join, memberOf, type Place } from './validate.ts';

/** Steps for all rules of one object, and for one rule: what Kubernetes allows. */
const OBJECT_BUDGET = 10_000_000;
const RULE_BUDGET = 1_000_000;

export function checkRules(
  schema: StructuralSchema,
  object: JsonObject,
  old: JsonObject | undefined,
): readonly FieldError[] {
  const walk = new RuleWalk();
  walk.visit(schema, { path: '', value: object, old });
  return walk.found;
}

class RuleWalk {
  readonly found: FieldError[] = [];
  #budget = OBJECT_BUDGET;

  visit(schema: StructuralSchema, place: Place): void {
    if (this.#budget <= 0) return;
    if (schema.rules.length > 0 && place.value !== null) this.#check(schema, place);
    if (isJsonObject(place.value)) this.#visitMembers(schema, place, place.value);
    if (Array.isArray(place.value)) this.#visitItems(schema, place, place.value);
  }

  #visitMembers(schema: StructuralSchema, place: Place, value: JsonObject): void {
    for (const [name, member] of Object.entries(value)) {
      const own = schema.properties.get(name);
      const known = own ?? schema.additional;
      if (typeof known === 'boolean' || member === undefined) continue;
      const path = own === undefined ? `${place.path}[${name}]` : join(place.path, name);
      this.visit(known, { path, value: member, old: memberOf(place.old, name) });
    }
  }

  #visitItems(schema: StructuralSchema, { path, old }: Place, value: readonly JsonValue[]): void {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      this.visit(items, {
        path: `${path}[${index}]`,
        value: item,
        old: correspondingItem(schema, old, item),
      });
    }
  }

  #check(schema: StructuralSchema, place: Place): void {
    const isUnchanged = place.old !== undefined && sameJson(place.value, place.old);
    const values: RuleValues = {
      self: celValue(schema, place.value),
      oldSelf: place.old === undefined ? undefined : celValue(schema, place.old),
    };
    const sizes = new Map([
      ['self', sizeOf(place.value)],
      ['oldSelf', sizeOf(place.old ?? null)],
    ]);
    for (const rule of schema.rules) {
      const program = compileRule(rule.rule, rule);
      if ('error' in program) {
        this.#refuse(schema, place, rule, `compile error: ${program.error}`);
        continue;
      }
      const isTransition = program.isTransition || rule.optionalOldSelf;
      // What an update left alone is not held against it; a transition is about exactly this.
      if (program.isTransition ? place.old === undefined : isUnchanged && !isTransition) continue;
      if (!this.#spend(program, sizes, schema, place, rule)) return;
      this.#evaluate(program, values, schema, place, rule);
    }
  }

  /** False, with a cause, when the rule could take too long. */
  #spend(
    program: RuleProgram,
    sizes: ReadonlyMap<string, Size>,
    schema: StructuralSchema,
    place: Place,
    rule: ValidationRule,
  ): boolean {
    const cost = program.cost(sizes);
    this.#budget -= cost;
    if (cost <= RULE_BUDGET && this.#budget > 0) return true;
    const why =
      cost > RULE_BUDGET
        ? `no further validation rules will be run due to call cost exceeds limit for rule: ${rule.rule}`
        : 'validation failed due to running out of cost budget, no further validation rules will be run';
    this.#refuse(schema, place, rule, why);
    this.#budget = 0;
    return false;
  }

  #evaluate(
    program: RuleProgram,
    values: RuleValues,
    schema: StructuralSchema,
    place: Place,
    rule: ValidationRule,
  ): void {
    try {
      const result = program.evaluate(values);
      if (result === true) return;
      this.#refuse(schema, place, rule, failureText(rule, values));
    } catch (error) {
      const why = messageOf(error).split('\n')[0] ?? '';
      this.#refuse(schema, place, rule, `rule evaluation error: ${why}`);
    }
  }

  #refuse(schema: StructuralSchema, { path }: Place, rule: ValidationRule, text: string): void {
    const field = `${path}${rule.fieldPath ?? ''}`.replace(/^\./, '');
    const shown = JSON.stringify(schema.isIntOrString ? 'int-or-string' : schema.type);
    this.found.push(causeOf(rule.reason, field === '' ? '<nil>' : field, shown, text));
  }
}

function causeOf(reason: string | undefined, field: string, shown: string, text: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return { field, reason, message: `Forbidden: ${text}` };
    case 'FieldValueRequired':
      return { field, reason, message: `Required value: ${text}` };
    case 'FieldValueDuplicate':
      return { field, reason, message: `Duplicate value: ${shown}: ${text}` };
    default:
      return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${text}` };
  }
}

function failureText(rule: ValidationRule, values: RuleValues): string {
  const expression = rule.messageExpression;
  if (expression !== undefined) {
    const program = compileRule(expression, rule);
    try {
      const text = 'error' in program ? undefined : program.evaluate(values);
      if (typeof text === 'string' && text.trim() !== '') return text;
    } catch {
      // The fixed message stands in for one that cannot be computed.
    }
  }
  return rule.message ?? `failed rule: ${rule.rule}`;
}

function sizeOf(value: JsonValue): Size {
  if (typeof value === 'string') return { items: 0, chars: value.length };
  if (typeof value !== 'object' || value === null) return { items: 0, chars: 0 };
  let items = 0;
  let chars = 0;
  for (const [name, member] of Object.entries(value)) {
    const below = sizeOf(member ?? null);
    items += 1 + below.items;
    chars += (Array.isArray(value) ? 0 : name.length) + below.chars;
  }
  return { items, chars };
}
