// npm run generate: writes every generated module; with --check it only compares and exits 1 on a difference.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type CustomResource, generateCustomResources } from './custom-resources.ts';
import { generateKubernetes, type TypeTable } from './kubernetes.ts';
import { generateProtobuf, type Node } from './protobuf.ts';

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const files = new Map<string, string>();
for (const [name, text] of generateKubernetes(
  read<Record<string, TypeTable>>('schema/kubernetes-1.36.json'),
)) {
  files.set(`src/api/generated/${name}`, text);
}
for (const [name, text] of generateCustomResources(read<CustomResource[]>('schema/snapshot-crds.json'))) {
  files.set(`src/api/generated/${name}`, text);
}
const protobufs = [
  ['schema/csi-1.13.json', 'csi.v1', 'src/csi/generated/csi.ts'],
  ['schema/pluginregistration-v1.json', 'pluginregistration', 'src/csi/generated/plugin-registration.ts'],
  ['schema/cri-0.36.json', 'runtime.v1', 'src/runtime/generated/cri.ts'],
] as const;
for (const [source, packageName, target] of protobufs) {
  files.set(target, generateProtobuf(read<Node>(source), packageName, source));
}
let stale = 0;
for (const [path, text] of files) {
  if (process.argv.includes('--check')) {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      process.stderr.write(
        `${path} is not what schema/ says: run "npm run generate" and commit the result\n`,
      );
      stale++;
    }
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
process.exitCode = stale > 0 ? 1 : 0;
