// The part of Kubernetes' JSONPath that printer columns use: `.spec.source`, `['a.b']`, `.items[0]`, `[*]`, `[-1]`, and
// filters of the form `[?(@.type=="Ready")]`. Everything else finds nothing.
import { isJsonObject, type JsonValue } from '../json.ts';

export type JsonPath = readonly Step[];

type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'index'; readonly at: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: JsonPath; readonly equals: JsonValue };

const STEP =
  /\.([^.[\]]+)|\[(-?\d+)\]|\[\*\]|\['((?:[^'\\]|\\.)*)'\]|\[\?\(@((?:\.[^.[\]=\s]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)'|(true|false|-?\d+))\)\]/y;

/** Undefined when `text` is not of the part that is understood. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const path = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  const steps: Step[] = [];
  // Its own position: filters have paths inside.
  const step = new RegExp(STEP);
  while (step.lastIndex < path.length) {
    const match = step.exec(path);
    if (match === null) return undefined;
    const read = readStep(match);
    if (read === undefined) return undefined;
    steps.push(read);
  }
  return steps;
}

function readStep(match: RegExpExecArray): Step | undefined {
  const [whole, member, index, quoted, filterPath, doubleQuoted, singleQuoted, bare] = match;
  if (member !== undefined) return member === '*' ? { kind: 'all' } : { kind: 'member', name: member };
  if (index !== undefined) return { kind: 'index', at: Number(index) };
  if (quoted !== undefined) return { kind: 'member', name: quoted.replaceAll(/\\(.)/g, '$1') };
  if (whole === '[*]') return { kind: 'all' };
  const path = filterPath === undefined ? undefined : parseJsonPath(filterPath);
  if (path === undefined) return undefined;
  return { kind: 'filter', path, equals: doubleQuoted ?? singleQuoted ?? literal(bare ?? '') };
}

function literal(text: string): JsonValue {
  return text === 'true' || text === 'false' ? text === 'true' : Number(text);
}

/** Everything that `path` finds in `value`, in order. */
export function findByPath(value: JsonValue, path: JsonPath): readonly JsonValue[] {
  return path.reduce<readonly JsonValue[]>(
    (found, step) => found.flatMap((one) => [...take(one, step)]),
    [value],
  );
}

function take(value: JsonValue, step: Step): readonly JsonValue[] {
  switch (step.kind) {
    case 'member': {
      const member = isJsonObject(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
      return member === undefined ? [] : [member];
    }
    case 'index': {
      const item: JsonValue | undefined = Array.isArray(value) ? value.at(step.at) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return members(value);
    case 'filter':
      return members(value).filter((one) => findByPath(one, step.path)[0] === step.equals);
  }
}

function members(value: JsonValue): readonly JsonValue[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value).filter((one) => one !== undefined) : [];
}
