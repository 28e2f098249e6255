// One rule compiled: parsed once, with Kubernetes' functions and limits, and evaluated over self and oldSelf.
import { type ASTNode, Environment, Optional, serialize } from '@marcbachmann/cel-js';
import { messageOf } from '#base/errors.ts';
import type { CelValue } from './cel-values.ts';
import { isNode, ruleCost, type Size } from './rule-cost.ts';
import { LINEAR_MATCHES, registerFunctions } from './rule-functions.ts';

export interface RuleValues {
  readonly self: CelValue;
  /** Undefined: there is no old value. */
  readonly oldSelf: CelValue | undefined;
}

export interface RuleProgram {
  /** Compares with the value before: nothing to say about a new object, unless oldSelf is optional. */
  readonly isTransition: boolean;
  /** At most this many steps for data of these sizes. */
  cost(sizes: ReadonlyMap<string, Size>): number;
  /** Throws what CEL says of a value that does not fit. */
  evaluate(values: RuleValues): unknown;
}

export type Compiled = RuleProgram | { readonly error: string };

const LIMITS = {
  maxAstNodes: 5_000,
  maxDepth: 100,
  maxListElements: 500,
  maxMapEntries: 500,
  maxCallArguments: 16,
};

let environment: Environment | undefined;
const compiled = new Map<string, Compiled>();
/** Rules come from definitions, so they are few; a bound all the same. */
const MAX_COMPILED = 5_000;

/** Compiles `rule`, once for each text. */
export function compileRule(
  rule: string,
  { optionalOldSelf }: { readonly optionalOldSelf: boolean },
): Compiled {
  const key = `${optionalOldSelf} ${rule}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  const made = compile(rule, optionalOldSelf);
  compiled.set(key, made);
  return made;
}

function compile(rule: string, optionalOldSelf: boolean): Compiled {
  environment ??= createEnvironment();
  try {
    const { ast } = environment.parse(rule);
    const found = look(ast);
    if (found.bindsNames) return { error: 'cel.bind is not a function of validation rules' };
    const program = found.matches ? environment.parse(serialize(ast)) : environment.parse(rule);
    const checked = program.check();
    if (!checked.valid)
      return { error: checked.error === undefined ? 'it has no type' : firstLine(checked.error) };
    return {
      isTransition: found.oldSelf && !optionalOldSelf,
      cost: (sizes) => ruleCost(ast, sizes),
      evaluate: ({ self, oldSelf }) =>
        program({ self, oldSelf: optionalOldSelf ? optional(oldSelf) : (oldSelf ?? null) }),
    };
  } catch (error) {
    return { error: firstLine(error) };
  }
}

function createEnvironment(): Environment {
  const made = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: LIMITS,
  });
  made.registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn');
  registerFunctions(made);
  return made;
}

function optional(value: CelValue | undefined): Optional {
  return value === undefined ? Optional.none() : Optional.of(value);
}

/** The library's texts go on with an excerpt of the rule. */
function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? '';
}

interface Look {
  oldSelf: boolean;
  matches: boolean;
  bindsNames: boolean;
}

/** What a rule refers to; renames `matches` on the way. */
function look(ast: ASTNode): Look {
  const found: Look = { oldSelf: false, matches: false, bindsNames: false };
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const item of node) visit(item);
      return;
    }
    if (!isNode(node)) return;
    if (node.op === 'id' && node.args === 'oldSelf') found.oldSelf = true;
    if (node.op === 'id' && node.args === 'cel') found.bindsNames = true;
    const { args } = node;
    if ((node.op === 'rcall' || node.op === 'call') && Array.isArray(args) && args[0] === 'matches') {
      found.matches = true;
      args[0] = LINEAR_MATCHES;
    }
    visit(args);
  };
  visit(ast);
  return found;
}
