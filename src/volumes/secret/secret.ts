// secret: the secret's keys as files.
import { type PayloadDeps, type PayloadSource, payloadOnTmpfs } from '../payload-on-tmpfs.ts';
import type { LocalVolumeType } from '../volume-type.ts';

export type SecretSource = PayloadSource;

export function secretType(deps: PayloadDeps): LocalVolumeType<SecretSource> {
  return payloadOnTmpfs('secret', deps);
}
