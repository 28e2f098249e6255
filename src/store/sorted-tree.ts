// The sorted map that the store stands on, under one name whatever the module loader makes of the package's default
// export (Node and bundlers hand over the CommonJS module, test runners its default).
import sortedBtree from 'sorted-btree';

type TreeClass = typeof sortedBtree.default;
export type SortedTree<K, V> = InstanceType<typeof sortedBtree.default<K, V>>;

const loaded: unknown = sortedBtree;
const treeClass: TreeClass = isTreeClass(loaded) ? loaded : sortedBtree.default;

function isTreeClass(value: unknown): value is TreeClass {
  return typeof value === 'function';
}

/** An empty map in the order of `compare`. */
export function sortedTree<K, V>(compare: (a: K, b: K) => number): SortedTree<K, V> {
  return new treeClass<K, V>(undefined, compare);
}
