// npm run build: one esbuild bundle per process into dist/. Native modules stay outside.
import { mkdirSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const PROCESSES = ['holdfast', 'agent', 'sandbox', 'disk-controller', 'disk-node'] as const;

mkdirSync('dist', { recursive: true });
const result = await build({
  entryPoints: PROCESSES.map((name) => `src/main/${name}.ts`),
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  platform: 'node',
  target: 'node24',
  format: 'esm',
  external: ['lmdb', 'koffi'],
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS dependencies call require for Node's own modules.
  banner: {
    js: "import{createRequire as holdfastRequire}from'node:module';const require=holdfastRequire(import.meta.url);",
  },
});
if (result.errors.length > 0) process.exit(1);
writeFileSync('dist/built', '');
