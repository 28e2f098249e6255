// Decides the next step for a namespace, in two questions: may it go at all, and what of its content goes next. Pure.
import type { ResourceType } from '#api/object.ts';
import type { ContentItem, KindContent, NamespaceView } from './view.ts';

export type NamespaceStep =
  | { readonly kind: 'settled' }
  | { readonly kind: 'mark-terminating' }
  /** Look at the content, live, and ask decideContent. */
  | { readonly kind: 'empty' };

export function decideNamespace({ isDeleting, isMarked, isHeld }: NamespaceView): NamespaceStep {
  if (!isDeleting || !isHeld) return { kind: 'settled' }; // NSP1
  return isMarked ? { kind: 'empty' } : { kind: 'mark-terminating' }; // NSP2
}

export type ContentStep =
  | { readonly kind: 'delete'; readonly type: ResourceType; readonly items: readonly ContentItem[] }
  | { readonly kind: 'wait'; readonly because: string }
  | { readonly kind: 'finalize' };

/** `content` is in the order of deletion, pods first. */
export function decideContent(content: readonly KindContent[]): ContentStep {
  const [podContent, ...others] = content;
  if (podContent !== undefined && podContent.items.length > 0) {
    return deleteOf(podContent) ?? { kind: 'wait', because: describe([podContent]) }; // NSP3
  }
  for (const kind of others) {
    const step = deleteOf(kind);
    if (step !== undefined) return step; // NSP4
  }
  const remaining = others.filter(({ items }) => items.length > 0);
  if (remaining.length > 0) return { kind: 'wait', because: describe(remaining) }; // NSP5
  return { kind: 'finalize' }; // NSP6
}

function deleteOf({ type, items }: KindContent): ContentStep | undefined {
  const open = items.filter(({ isDeleting }) => !isDeleting);
  return open.length === 0 ? undefined : { kind: 'delete', type, items: open };
}

/** `2 pods (web-0, web-1) remain` */
function describe(kinds: readonly KindContent[]): string {
  const parts = kinds.map(({ type, items }) => {
    const names = items.slice(0, 3).map(({ name }) => name);
    const more = items.length > names.length ? ', …' : '';
    return `${items.length} ${type.plural} (${names.join(', ')}${more})`;
  });
  return `${parts.join(', ')} remain`;
}
