// What Kubernetes accepts of a pod's volumes: unique label names and exactly one source each.
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { checkClaimSpec } from './claim-validate.ts';
import type { Field } from './field.ts';
import { driverNameProblems, projectedPathProblems } from './grammar.ts';
import type { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './quantity-check.ts';
import {
  checkHostPath,
  checkKeyPaths,
  checkMode,
  checkNfs,
  checkOneSource,
  VOLUME_SOURCES,
} from './volume-sources.ts';

const POD_SOURCES = [
  ...VOLUME_SOURCES.filter((name) => name !== 'local'),
  'configMap',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'gitRepo',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/** Checks `spec.volumes` of the pod `podName`; returns the volumes by name, for the mounts. */
export function checkVolumes(
  problems: Problems,
  volumes: Field,
  podName: string,
): ReadonlyMap<string, Field> {
  const byName = new Map<string, Field>();
  for (const volume of volumes.items) {
    const name = volume.child('name');
    problems.named(name, dnsLabelProblems);
    if (byName.has(name.text)) problems.duplicate(name);
    const source = checkOneSource(problems, volume, POD_SOURCES);
    if (source !== undefined) checkSource(problems, source);
    if (volume.child('ephemeral').present && podName !== '') {
      const claimName = `${podName}-${name.text}`;
      const wrong = dnsSubdomainProblems(claimName);
      problems.invalidAll(
        name,
        wrong.map((text) => `PVC name ${JSON.stringify(claimName)}: ${text}`),
      );
    }
    byName.set(name.text, volume);
  }
  return byName;
}

type SourceCheck = (problems: Problems, source: Field) => void;

const CHECKS: Readonly<Record<string, SourceCheck>> = {
  hostPath: checkHostPath,
  nfs: checkNfs,
  emptyDir: (problems, source) => {
    if (source.child('sizeLimit').present) checkNonNegativeQuantity(problems, source.child('sizeLimit'));
  },
  configMap: (problems, source) => checkFiles(problems, source, 'name'),
  secret: (problems, source) => checkFiles(problems, source, 'secretName'),
  downwardAPI: (problems, source) => checkDownward(problems, source),
  persistentVolumeClaim: (problems, source) => {
    problems.named(source.child('claimName'), dnsSubdomainProblems);
  },
  csi: (problems, source) => {
    problems.named(source.child('driver'), driverNameProblems);
    const secret = source.child('nodePublishSecretRef');
    if (secret.present && secret.child('name').text === '') problems.required(secret.child('name'));
  },
  ephemeral: (problems, source) => {
    const template = source.child('volumeClaimTemplate');
    if (template.present) checkClaimTemplate(problems, template);
    else problems.required(template);
  },
  projected: (problems, source) => checkProjected(problems, source),
};

/** Only labels and annotations of a template reach its claim: everything else would be dropped in silence. */
function checkClaimTemplate(problems: Problems, template: Field): void {
  const metadata = template.child('metadata');
  for (const name of Object.keys(metadata.object)) {
    if (name === 'labels' || name === 'annotations') continue;
    problems.forbidden(metadata.child(name), 'cannot be set for an ephemeral volume');
  }
  checkClaimSpec(problems, template.child('spec'));
}

function checkSource(problems: Problems, source: Field): void {
  const name = source.path.slice(source.path.lastIndexOf('.') + 1);
  if (Object.hasOwn(CHECKS, name)) CHECKS[name]?.(problems, source);
}

function checkFiles(problems: Problems, source: Field, nameField: string): void {
  problems.named(source.child(nameField), dnsSubdomainProblems);
  checkMode(problems, source.child('defaultMode'));
  checkKeyPaths(problems, source.child('items'));
}

function checkDownward(problems: Problems, source: Field): void {
  checkMode(problems, source.child('defaultMode'));
  for (const item of source.child('items').items) {
    problems.named(item.child('path'), projectedPathProblems);
    const both = item.child('fieldRef').present && item.child('resourceFieldRef').present;
    if (both) problems.invalid(item, 'fieldRef and resourceFieldRef can not be specified simultaneously');
    if (!item.child('fieldRef').present && !item.child('resourceFieldRef').present) {
      problems.required(item, 'one of fieldRef and resourceFieldRef is required');
    }
    checkMode(problems, item.child('mode'));
  }
}

function checkProjected(problems: Problems, source: Field): void {
  checkMode(problems, source.child('defaultMode'));
  for (const item of source.child('sources').items) {
    const given = Object.keys(item.object);
    if (given.length > 1) problems.forbidden(item, 'may not specify more than 1 volume type per source');
    for (const name of ['configMap', 'secret']) {
      const part = item.child(name);
      if (!part.present) continue;
      problems.named(part.child('name'), dnsSubdomainProblems);
      checkKeyPaths(problems, part.child('items'));
    }
    checkDownward(problems, item.child('downwardAPI'));
    const token = item.child('serviceAccountToken');
    if (token.present) problems.named(token.child('path'), projectedPathProblems);
  }
}
