// The order of keys: by their UTF-8 bytes, as etcd and lmdb sort them. JavaScript compares UTF-16 units, which differs
// where one text has a surrogate pair and the other a unit above U+DFFF.

/** Negative, zero or positive as `a` sorts before, with or after `b` by UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they rank above every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
