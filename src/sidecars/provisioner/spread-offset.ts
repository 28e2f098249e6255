// Where in the list of segments a claim begins, from its name alone (PRV62): claims of one StatefulSet are
// `<template>-<set>-<ordinal>`, so the set's name is hashed and the ordinal added. Volumes of one pod then share a
// segment, and pods take the segments in turn. The hash is upstream's (FNV-1, 32 bits): both make the same choice.

const FNV_OFFSET = 2_166_136_261;
const FNV_PRIME = 16_777_619;

/** A number of 32 bits and more; take it modulo the number of segments. */
export function spreadOffset(claimName: string): number {
  const match = /^(.*)-(\d+)$/.exec(claimName);
  if (match === null) return fnv(claimName);
  const [, base = '', ordinal = '0'] = match;
  return fnv(base.slice(base.lastIndexOf('-') + 1)) + Number(BigInt(ordinal) % 0x1_0000_0000n);
}

function fnv(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(text)) hash = (Math.imul(hash, FNV_PRIME) ^ byte) >>> 0;
  return hash;
}
