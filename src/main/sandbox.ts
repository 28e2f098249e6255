// The sandbox CRI server as a process. The same module starts its namespace threads.
import { fileURLToPath } from 'node:url';
import { isNamespaceThread, serveNamespaceThread } from '#runtime/sandbox/real/namespace-thread.ts';

if (isNamespaceThread()) {
  serveNamespaceThread();
} else {
  const { runSandbox } = await import('./real/run-sandbox.ts');
  await runSandbox(fileURLToPath(import.meta.url));
}
