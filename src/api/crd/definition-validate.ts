// What Kubernetes accepts of a CustomResourceDefinition. Beyond it, every rule must compile and every pattern be one that
// is matched in linear time; conversion webhooks are refused, since nothing here would call them.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { Field, rootOf } from '../kinds/field.ts';
import { Problems } from '../kinds/problems.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { parseJsonPath } from './json-path.ts';
import { isPattern } from './linear-regexp.ts';
import { compileRule } from './rule-program.ts';
import { readSchema } from './structural-schema.ts';

export function validateDefinition(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const root = rootOf(object);
  const spec = root.child('spec');
  checkNames(problems, root, spec);
  problems.oneOf(spec.child('scope'), ['Cluster', 'Namespaced']);
  checkVersions(problems, spec.child('versions'));
  const strategy = spec.at('conversion', 'strategy');
  if (strategy.present) problems.oneOf(strategy, ['None']);
  return problems.list;
}

export function validateDefinitionUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  const before = rootOf(old).child('spec');
  for (const path of [['group'], ['scope'], ['names', 'plural'], ['names', 'kind']]) {
    problems.immutable(spec.at(...path), before.at(...path));
  }
  return [...validateDefinition(object), ...problems.list];
}

function checkNames(problems: Problems, root: Field, spec: Field): void {
  const group = spec.child('group');
  const names = spec.child('names');
  problems.named(group, dnsSubdomainProblems);
  if (group.text !== '' && !group.text.includes('.')) {
    problems.invalid(group, 'should be a domain with at least one dot');
  }
  problems.named(names.child('plural'), dnsLabelProblems);
  problems.named(names.child('kind'), (text) => dnsLabelProblems(text.toLowerCase()));
  const name = root.at('metadata', 'name');
  if (name.text !== `${names.child('plural').text}.${group.text}`) {
    problems.invalid(name, 'must be spec.names.plural+"."+spec.group');
  }
}

function checkVersions(problems: Problems, versions: Field): void {
  if (versions.size === 0) problems.required(versions, 'must have at least one version');
  const seen = new Set<string>();
  for (const version of versions.items) {
    const name = version.child('name');
    problems.named(name, dnsLabelProblems);
    if (seen.has(name.text)) problems.duplicate(name);
    seen.add(name.text);
    checkVersion(problems, version);
  }
  const stored = versions.items.filter((version) => version.child('storage').flag === true).length;
  if (versions.size > 0 && stored !== 1) {
    problems.invalid(versions, 'must have exactly one version marked as storage version');
  }
}

function checkVersion(problems: Problems, version: Field): void {
  const schema = version.at('schema', 'openAPIV3Schema');
  if (!schema.present) {
    problems.required(schema, 'schemas are required');
    return;
  }
  const type = schema.child('type');
  if (type.text !== 'object') problems.invalid(type, 'must be object at the root');
  checkSchema(problems, schema);
  for (const column of version.child('additionalPrinterColumns').items) {
    const path = column.child('jsonPath');
    if (parseJsonPath(path.text) === undefined) problems.invalid(path, 'is an invalid json path');
    problems.oneOf(column.child('type'), ['boolean', 'date', 'integer', 'number', 'string']);
  }
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Every place of a structural schema has a type, unless it says that anything may stand there. */
function checkSchema(problems: Problems, at: Field): void {
  const schema = readSchema(at.value);
  if (schema.type === '' && !schema.isIntOrString && !schema.preservesUnknown) {
    problems.required(at.child('type'), 'must not be empty for specified object fields');
  } else if (schema.type !== '') problems.oneOf(at.child('type'), TYPES);
  const pattern = at.child('pattern');
  if (pattern.present && !isPattern(pattern.text))
    problems.invalid(pattern, 'must be a regular expression of RE2');
  for (const [index, rule] of schema.rules.entries()) {
    const program = compileRule(rule.rule, rule);
    if (!('error' in program)) continue;
    const field = new Field(`${at.path}.x-kubernetes-validations[${index}].rule`, rule.rule);
    problems.invalid(field, `compilation failed: ${program.error}`);
  }
  for (const { name } of at.child('properties').entries) {
    checkSchema(
      problems,
      new Field(`${at.path}.properties[${name}]`, at.child('properties').key(name).value),
    );
  }
  if (schema.items !== undefined) checkSchema(problems, at.child('items'));
  if (typeof schema.additional !== 'boolean') checkSchema(problems, at.child('additionalProperties'));
}
