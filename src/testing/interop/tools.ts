// The stock programs that interop tests run, as scripts/interop.ts builds them.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** The path of a tool; undefined, with a word on standard error, when it was not built. */
export function toolPath(name: 'csi-sanity' | 'client-go'): string | undefined {
  const path = resolve('.cache', name);
  if (existsSync(path)) return path;
  process.stderr.write(`skipped: ${name} is not built: npm run test:interop builds it with Go\n`);
  return undefined;
}

export interface ToolResult {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a tool to its end; both streams together. */
export function runTool(
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ToolResult> {
  return new Promise((done, failed) => {
    const child = spawn(path, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', failed);
    child.on('close', (code) => done({ code, output }));
  });
}
