// A volume's id: an opaque key made from its name by a hash, so that no text from a request is ever part of a path.
import type { Brand } from '#base/brand.ts';
import { sha256Hex } from '#base/sha256.ts';

export type VolumeId = Brand<string, 'VolumeId'>;

const FORM = /^vol-[0-9a-f]{32}$/;

/** The id of the volume with this name: the same name always gives the same id. */
export function volumeIdOf(name: string): VolumeId {
  return `vol-${sha256Hex(name).slice(0, 32)}` as VolumeId;
}

/** An id from a request; undefined when it has not the form of ours, so that no such volume can exist. */
export function parseVolumeId(text: string): VolumeId | undefined {
  return FORM.test(text) ? (text as VolumeId) : undefined;
}
