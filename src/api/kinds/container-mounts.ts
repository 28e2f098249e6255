// A container's volumeMounts and volumeDevices: of volumes that exist, each path once, block claims as devices.
import type { Field } from './field.ts';
import { relativePathProblems } from './grammar.ts';
import type { Problems } from './problems.ts';

type Volumes = ReadonlyMap<string, Field>;

export function checkContainerMounts(problems: Problems, container: Field, volumes: Volumes): void {
  checkMounts(problems, container, volumes);
  checkDevices(problems, container, volumes);
}

function checkMounts(problems: Problems, container: Field, volumes: Volumes): void {
  const devices = new Set(container.child('volumeDevices').items.map((device) => device.child('name').text));
  const devicePaths = new Set(
    container.child('volumeDevices').items.map((device) => device.child('devicePath').text),
  );
  const paths = new Set<string>();
  for (const mount of container.child('volumeMounts').items) {
    const name = mount.child('name');
    const path = mount.child('mountPath');
    if (name.text === '') problems.required(name);
    else if (!volumes.has(name.text)) problems.notFound(name);
    if (path.text === '') problems.required(path);
    if (paths.has(path.text)) problems.invalid(path, 'must be unique');
    paths.add(path.text);
    if (devices.has(name.text)) problems.invalid(name, 'must not already exist in volumeDevices');
    if (devicePaths.has(path.text)) {
      problems.invalid(path, 'must not already exist as a path in volumeDevices');
    }
    checkSubPath(problems, mount);
    checkPropagation(problems, mount, container);
  }
}

function checkSubPath(problems: Problems, mount: Field): void {
  const plain = mount.child('subPath');
  const expanded = mount.child('subPathExpr');
  problems.optionallyNamed(plain, relativePathProblems);
  problems.optionallyNamed(expanded, relativePathProblems);
  if (plain.text !== '' && expanded.text !== '') {
    problems.invalid(expanded, 'subPathExpr and subPath are mutually exclusive');
  }
}

function checkPropagation(problems: Problems, mount: Field, container: Field): void {
  const propagation = mount.child('mountPropagation');
  if (propagation.text !== '') {
    problems.oneOf(propagation, ['Bidirectional', 'HostToContainer', 'None']);
  }
  const privileged = container.at('securityContext', 'privileged').flag === true;
  if (propagation.text === 'Bidirectional' && !privileged) {
    problems.forbidden(
      propagation,
      'Bidirectional mount propagation is available only to privileged containers',
    );
  }
  const recursive = mount.child('recursiveReadOnly');
  if (!recursive.present) return;
  problems.oneOf(recursive, ['Disabled', 'Enabled', 'IfPossible']);
  if (recursive.text !== 'Disabled' && mount.child('readOnly').flag !== true) {
    problems.forbidden(recursive, 'may only be specified when readOnly is true');
  }
}

function checkDevices(problems: Problems, container: Field, volumes: Volumes): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const device of container.child('volumeDevices').items) {
    const name = device.child('name');
    const path = device.child('devicePath');
    const volume = volumes.get(name.text);
    if (name.text === '') problems.required(name);
    else if (volume === undefined) problems.notFound(name);
    else if (!volume.child('persistentVolumeClaim').present && !volume.child('ephemeral').present) {
      problems.invalid(
        name,
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      );
    }
    if (names.has(name.text)) problems.invalid(name, 'must be unique');
    if (path.text === '') problems.required(path);
    else if (paths.has(path.text)) problems.invalid(path, 'must be unique');
    if (path.text.split('/').includes('..')) {
      problems.invalid(path, "can not contain backsteps ('..')");
    }
    names.add(name.text);
    paths.add(path.text);
  }
}
