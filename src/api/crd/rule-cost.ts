// An upper bound for what evaluating a rule costs, from its syntax and the size of the data, before it is evaluated: a
// rule is a program that a user gives the server, and a few nested loops over a long list would hold it for minutes.
import type { ASTNode } from '@marcbachmann/cel-js';

/** What a value can hold at most: list items and map entries at any depth, and characters of all its texts. */
export interface Size {
  readonly items: number;
  readonly chars: number;
}

interface Estimate {
  readonly cost: number;
  readonly size: Size;
}

type Sizes = ReadonlyMap<string, Size>;

const LOOPS = ['all', 'exists', 'exists_one', 'map', 'filter'];
const SCALAR: Size = { items: 0, chars: 32 };
/** Ten characters looked at cost as much as one step. */
const CHARS_A_STEP = 10;

export function ruleCost(ast: ASTNode, sizes: Sizes): number {
  return estimate(ast, sizes).cost;
}

function estimate(node: unknown, sizes: Sizes): Estimate {
  if (!isNode(node)) return estimateAll(Array.isArray(node) ? node : [], sizes);
  const { op, args } = node;
  if (op === 'value') return { cost: 1, size: { items: 0, chars: String(args).length } };
  if (op === 'id') return { cost: 1, size: sizes.get(String(args)) ?? SCALAR };
  const loop = loopOf(node);
  if (loop !== undefined) return estimateLoop(loop, sizes);
  const below = estimateAll(Array.isArray(args) ? args : [args], sizes);
  const cost =
    below.cost + 1 + below.size.chars / CHARS_A_STEP + (op === '==' || op === '!=' ? below.size.items : 0);
  return { cost, size: resultSize(node, below.size) };
}

function estimateAll(nodes: readonly unknown[], sizes: Sizes): Estimate {
  return nodes
    .map((node) => estimate(node, sizes))
    .reduce<Estimate>((sum, one) => ({ cost: sum.cost + one.cost, size: plus(sum.size, one.size) }), {
      cost: 0,
      size: { items: 0, chars: 0 },
    });
}

/** Calls may take texts apart (one item a character) or put one into another at every place. */
function resultSize({ op, args }: Node, below: Size): Size {
  if (op !== 'rcall' || !Array.isArray(args)) return below;
  const name = String(args[0]);
  if (name === 'split' || name === 'findAll')
    return { items: below.items + below.chars + 1, chars: below.chars };
  if (name === 'replace' || name === 'join') {
    return { items: below.items, chars: (below.chars + 1) * (below.chars + below.items + 1) };
  }
  return below;
}

interface Loop {
  readonly over: unknown;
  readonly variable: string;
  readonly bodies: readonly unknown[];
}

function loopOf({ op, args }: Node): Loop | undefined {
  if (op !== 'rcall' || !Array.isArray(args) || !LOOPS.includes(String(args[0]))) return undefined;
  const inner: unknown = args[2];
  if (!Array.isArray(inner)) return undefined;
  const [variable, ...bodies]: unknown[] = inner;
  return isNode(variable) && variable.op === 'id'
    ? { over: args[1], variable: String(variable.args), bodies }
    : undefined;
}

function estimateLoop({ over, variable, bodies }: Loop, sizes: Sizes): Estimate {
  const list = estimate(over, sizes);
  // An item is not larger than what holds it.
  const inside = estimateAll(bodies, new Map([...sizes, [variable, list.size]]));
  const rounds = list.size.items;
  return {
    cost: list.cost + rounds * (inside.cost + 1),
    size: plus(list.size, { items: rounds * (inside.size.items + 1), chars: rounds * inside.size.chars }),
  };
}

function plus(a: Size, b: Size): Size {
  return { items: a.items + b.items, chars: a.chars + b.chars };
}

export interface Node {
  readonly op: string;
  readonly args: unknown;
}

export function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    'op' in value &&
    typeof value.op === 'string' &&
    'args' in value
  );
}
