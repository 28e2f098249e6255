// The entry of a namespace thread where it is a module (or a bundle) of its own.
import { serveNamespaceThread } from './namespace-thread.ts';

serveNamespaceThread();
