import { expect, test } from 'vitest';
import { servedKinds } from '#api/kinds/index.ts';
import { decideContent, decideNamespace } from './decide.ts';
import { DELETION_ORDER, deletionOrder, type KindContent, viewContent } from './view.ts';

test.each([
  {
    rule: 'NSP1',
    when: 'alive',
    view: { isDeleting: false, isMarked: false, isHeld: true },
    kind: 'settled',
  },
  {
    rule: 'NSP1',
    when: 'without its finalizer',
    view: { isDeleting: true, isMarked: true, isHeld: false },
    kind: 'settled',
  },
  {
    rule: 'NSP2',
    when: 'deleted and Active',
    view: { isDeleting: true, isMarked: false, isHeld: true },
    kind: 'mark-terminating',
  },
  {
    rule: 'NSP3',
    when: 'deleted and Terminating',
    view: { isDeleting: true, isMarked: true, isHeld: true },
    kind: 'empty',
  },
])('$rule: decides $kind when $when', ({ view, kind }) => {
  expect(decideNamespace(view).kind).toBe(kind);
});

const item = (name: string, isDeleting = false) => ({ name, uid: `uid-${name}`, isDeleting, finalizers: [] });
/** Content in the order of deletion; kinds not named are empty. */
function contentOf(named: Readonly<Record<string, KindContent['items']>>): readonly KindContent[] {
  return DELETION_ORDER.map((type) => ({ type, items: named[type.plural] ?? [] }));
}

test.each([
  {
    rule: 'NSP3',
    when: 'pods and claims are there',
    content: { pods: [item('a'), item('b', true)], persistentvolumeclaims: [item('c')] },
    step: { kind: 'delete', type: { plural: 'pods' }, items: [{ name: 'a' }] },
  },
  {
    rule: 'NSP3',
    when: 'a pod is still ending',
    content: { pods: [item('b', true)], persistentvolumeclaims: [item('c')] },
    step: { kind: 'wait', because: '1 pods (b) remain' },
  },
  {
    rule: 'NSP4',
    when: 'a claim is ending and a secret is there',
    content: { persistentvolumeclaims: [item('c', true)], secrets: [item('s')] },
    step: { kind: 'delete', type: { plural: 'secrets' }, items: [{ name: 's' }] },
  },
  {
    rule: 'NSP5',
    when: 'only ending things are left',
    content: { persistentvolumeclaims: ['a', 'b', 'c', 'd'].map((name) => item(name, true)) },
    step: { kind: 'wait', because: '4 persistentvolumeclaims (a, b, c, …) remain' },
  },
  { rule: 'NSP6', when: 'nothing is left', content: {}, step: { kind: 'finalize' } },
])('$rule: decides $step.kind when $when', ({ content, step }) => {
  expect(decideContent(contentOf(content))).toMatchObject(step);
});

test('NSP4: the order names every served namespaced kind, pods first', () => {
  const served = servedKinds.filter(({ resource }) => resource.namespaced).map(({ resource }) => resource);
  expect([...DELETION_ORDER].map(({ plural }) => plural).sort()).toEqual(
    [...new Set(served.map(({ plural }) => plural))].sort(),
  );
  expect(DELETION_ORDER[0]?.plural).toBe('pods');
});

test('NSP4: kinds that users have defined come before the events, once', () => {
  const definition = (plural: string, scope: string) => ({
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope,
      names: { plural, kind: 'K' },
      versions: [{ name: 'v1', served: true, storage: true }],
    },
  });
  const order = deletionOrder([definition('widgets', 'Namespaced'), definition('clusters', 'Cluster')]);
  expect(order.slice(-2).map(({ plural }) => plural)).toEqual(['widgets', 'events']);
  expect(order).toHaveLength(DELETION_ORDER.length + 1);
});

test('NSP4: items are in the order of their names', () => {
  const stored = ['b', 'a'].map((name) => ({
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  }));
  const [type] = DELETION_ORDER;
  if (type === undefined) throw new Error('the order must not be empty');
  expect(viewContent(type, stored).items.map(({ name }) => name)).toEqual(['a', 'b']);
});
