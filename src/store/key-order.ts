// The order of keys: by their UTF-8 bytes, as etcd and lmdb sort them. JavaScript compares UTF-16 units, which differs
// where one text has a surrogate pair and the other a unit above U+DFFF. So keys are turned into texts whose unit order
// is the byte order, once, and those are compared by the engine's own fast comparison.
//
// Example: U+FFFD (ef bf bd) sorts before U+10000 (f0 90 80 80), but its unit fffd is above d800. In order form the
// units e000–ffff move down to d800–f7ff and surrogates up to f800–ffff, so the first becomes f7fd, the second f800 f800.

const HIGH_UNITS = /[\ud800-\uffff]/g;
const HAS_HIGH_UNIT = /[\ud800-\uffff]/;

/** The order form of a key; the key itself for nearly all. Two keys compare by `<` on it as their UTF-8 bytes do. */
export function orderForm(key: string): string {
  return HAS_HIGH_UNIT.test(key) ? key.replaceAll(HIGH_UNITS, moved) : key;
}

function moved(unit: string): string {
  const code = unit.charCodeAt(0);
  const isSurrogate = code <= 0xdfff;
  return String.fromCharCode(isSurrogate ? code + 0x2000 : code - 0x800);
}

/** Compares two order forms. */
export function compareOrderForms(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
