// Secret: `stringData` is merged into `data` and never stored; each well-known type has keys it must carry.
import { isJsonObject, type JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { secrets } from '../resources.ts';
import { ageOf } from './age.ts';
import { checkStaysImmutable, MAX_DATA_BYTES } from './config-map.ts';
import { cellText, column, defineKind } from './define-kind.ts';
import { withDefaults, withMember } from './edit.ts';
import { Field, own, rootOf } from './field.ts';
import { configKeyProblems } from './grammar.ts';
import { Problems } from './problems.ts';

/** Types whose `data` must hold these keys. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
const ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';

export const secretKind = defineKind({
  resource: secrets,
  defaults: (object) => withDefaults(mergeStringData(object), { type: 'Opaque' }),
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  selectableFieldNames: ['type'],
  selectableFields: (object) => ({ type: rootOf(object).child('type').text }),
  columns: [column('Type'), column('Data', { type: 'integer' }), column('Age')],
  row: (object, now) => [
    cellText(object['type'], 'Opaque'),
    rootOf(object).child('data').size,
    ageOf(object, now),
  ],
});

function mergeStringData(object: JsonObject): JsonObject {
  const texts = own(object, 'stringData');
  if (texts === undefined) return object;
  const data = own(object, 'data');
  const merged = new Map(Object.entries(isJsonObject(data) ? data : {}));
  if (isJsonObject(texts)) {
    for (const [key, text] of Object.entries(texts)) {
      if (typeof text === 'string') merged.set(key, Buffer.from(text).toString('base64'));
    }
  }
  return withMember(withMember(object, 'stringData', undefined), 'data', Object.fromEntries(merged));
}

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  const data = root.child('data');
  let total = 0;
  for (const { name, field } of data.entries) {
    // The value is secret: the cause names the key alone.
    problems.invalidAll(new Field(field.path, name), configKeyProblems(name));
    total += Buffer.byteLength(field.text, 'base64');
  }
  if (total > MAX_DATA_BYTES) problems.tooLong(data, MAX_DATA_BYTES);
  checkType(problems, root);
  return problems;
}

function checkType(problems: Problems, root: Field): void {
  const type = root.child('type').text;
  const data = root.child('data');
  for (const key of Object.hasOwn(REQUIRED_KEYS, type) ? (REQUIRED_KEYS[type] ?? []) : []) {
    if (!data.key(key).present) problems.required(data.key(key));
  }
  if (type === 'kubernetes.io/basic-auth' && !data.key('username').present && !data.key('password').present) {
    problems.required(data.key('username'));
    problems.required(data.key('password'));
  }
  if (type === 'kubernetes.io/service-account-token') {
    const account = root.at('metadata', 'annotations').key(ACCOUNT_ANNOTATION);
    if (account.text === '') problems.required(account);
  }
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  const now = rootOf(object);
  const before = rootOf(old);
  problems.immutable(now.child('type'), before.child('type'));
  checkStaysImmutable(problems, { now, before }, ['data']);
  return problems.list;
}
