// projected: files from several sources in one directory; downwardAPI: the pod's own fields and resources as files.
import { cleanPayloadPath, type Payload, type PayloadFile } from '../atomic-writer.ts';
import { type PayloadDeps, type PayloadSource, payloadOnTmpfs } from '../payload-on-tmpfs.ts';
import { type LocalVolumeType, VolumeError } from '../volume-type.ts';

export type ProjectedSource = PayloadSource;

export function projectedType(deps: PayloadDeps): LocalVolumeType<ProjectedSource> {
  return payloadOnTmpfs('projected', deps);
}

export function downwardApiType(deps: PayloadDeps): LocalVolumeType<ProjectedSource> {
  return payloadOnTmpfs('downward-api', deps);
}

/** The files of every source; of two sources with one path the later wins, as upstream's do. */
export function mergePayloads(payloads: readonly Payload[]): Payload {
  const files = new Map<string, PayloadFile>();
  for (const payload of payloads) {
    for (const [path, file] of payload) files.set(cleanPayloadPath(path), file);
  }
  for (const path of files.keys()) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      if (!files.has(parent)) continue;
      throw new VolumeError('invalid', `Cannot write volume file "${path}": "${parent}" is a file too`);
    }
  }
  return files;
}
