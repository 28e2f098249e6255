import { expect, test } from 'vitest';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { ClusterState } from './cluster-state.ts';
import { evaluateNode, Evaluations } from './evaluation.ts';
import { wantedVolumes } from './filter-drivers.ts';
import { observePod } from './view.ts';
import { aClaim, aNode, aPod, aVolume, bound, namespace, setUp, uses } from './world.fixture.ts';

const needs = (cpu: string) => ({ name: 'c', resources: { requests: { cpu } } });

test('SCH79: a pod counts from its binding to its end', () => {
  const { api, sources } = setUp({});
  const used = () => sources.state.node('n1')?.used.get('cpu') ?? 0n;
  const pod = aPod({ nodeName: 'n1', containers: [needs('1')] }, 'other');
  api.seed(pods, pod);
  expect(used()).toBe(1000n);
  api.seed(pods, { ...pod, status: { phase: 'Running' } });
  expect(used()).toBe(1000n);
  api.seed(pods, { ...pod, status: { phase: 'Succeeded' } });
  expect(used()).toBe(0n);
});

test('SCH79: an assumed pod counts until it is forgotten, a seen one until it is gone', () => {
  const { api, sources } = setUp({ nodes: [{}, { name: 'n2' }] });
  const { state } = sources;
  const pod = api.seed(pods, aPod({ containers: [needs('1')] }, 'other'));
  const podsOn = (name: string) => [...(state.node(name)?.pods.keys() ?? [])];
  state.assume(pod, 'n1');
  expect(podsOn('n1')).toEqual(['shop/other']);
  state.forget('shop/other');
  expect(podsOn('n1')).toEqual([]);
  state.assume(pod, 'n1');
  api.seed(pods, aPod({ nodeName: 'n2', containers: [needs('1')] }, 'other'));
  expect([podsOn('n1'), podsOn('n2')]).toEqual([[], ['shop/other']]);
  state.forget('shop/other');
  state.assume(pod, 'n1');
  expect([podsOn('n1'), podsOn('n2')]).toEqual([[], ['shop/other']]);
});

test('SCH79: volumes follow claims, volumes and attachments', () => {
  const { api, sources } = setUp({});
  const count = () => sources.state.node('n1')?.volumesOf('d')?.size ?? 0;
  api.seed(pods, aPod({ nodeName: 'n1', volumes: uses('data') }, 'other'));
  expect(count()).toBe(0);
  api.seed(persistentVolumeClaims, aClaim());
  expect(count()).toBe(1); // the volume that is to be made
  const volume = aVolume('pv', { claimRef: { namespace, name: 'data', uid: 'uid-data' } });
  api.seed(persistentVolumeClaims, bound('pv'));
  api.seed(persistentVolumes, volume);
  expect(count()).toBe(1);
  expect(sources.state.node('n1')?.volumesOf('d')?.has('pv')).toBe(true);
  const spec = { attacher: 'd', nodeName: 'n1', source: { persistentVolumeName: 'pv' } };
  api.seed(volumeAttachments, { metadata: { name: 'csi-1' }, spec });
  api.drop(pods, { namespace, name: 'other' });
  expect(count()).toBe(1); // it is still attached
  api.drop(persistentVolumes, { name: 'pv' });
  expect(count()).toBe(1);
  api.drop(volumeAttachments, { name: 'csi-1' });
  expect([count(), sources.state.nodesWith({ driver: 'd', id: 'pv' })]).toEqual([0, undefined]);
});

test('SCH79: an attachment seen before its volume counts once the volume is seen', () => {
  const { api, sources } = setUp({ attached: ['pv'] });
  expect(sources.state.node('n1')?.volumesOf('d')).toBeUndefined();
  api.seed(persistentVolumes, aVolume('pv'));
  expect(sources.state.node('n1')?.volumesOf('d')?.size).toBe(1);
});

test('SCH79: a class that appears late decides which driver a volume is to be made by', () => {
  const { api, sources } = setUp({ classes: [], claims: [aClaim()] });
  api.seed(pods, aPod({ nodeName: 'n1', volumes: uses('data') }, 'other'));
  expect(sources.state.node('n1')?.volumesOf('d')).toBeUndefined();
  api.seed(storageClasses, { metadata: { name: 'later' }, provisioner: 'd' });
  expect(sources.state.node('n1')?.volumesOf('d')?.size).toBe(1);
});

test('SCH79: pods of a node that is gone come back with it', () => {
  const { api, sources } = setUp({});
  api.seed(pods, aPod({ nodeName: 'n1', containers: [needs('1')] }, 'other'));
  api.drop(nodes, { name: 'n1' });
  expect([sources.state.nodes.length, sources.state.node('n1')]).toEqual([0, undefined]);
  api.seed(nodes, aNode());
  expect(sources.state.node('n1')?.used.get('cpu')).toBe(1000n);
});

test('SCH79: after any events the picture is the one that a new start would make', () => {
  const { api, sources } = setUp({ nodes: [{}, { name: 'n2' }, { name: 'n3' }] });
  const random = seededRandom(7);
  const pick = (count: number): number => Math.floor(random.fraction() * count);
  for (let step = 0; step < 400; step++) {
    const name = `p${pick(6)}`;
    const claim = `c${pick(4)}`;
    const volume = `v${pick(4)}`;
    const acts = [
      () =>
        api.seed(
          pods,
          aPod({ nodeName: `n${1 + pick(3)}`, containers: [needs('1')], volumes: uses(claim) }, name),
        ),
      () => api.drop(pods, { namespace, name }),
      () => api.seed(persistentVolumeClaims, pick(2) === 0 ? bound(volume, claim) : aClaim({ name: claim })),
      () => api.drop(persistentVolumeClaims, { namespace, name: claim }),
      () => api.seed(persistentVolumes, aVolume(volume, { claimRef: { namespace, name: claim } })),
      () => api.drop(persistentVolumes, { name: volume }),
      () =>
        api.seed(volumeAttachments, {
          metadata: { name: `a-${volume}` },
          spec: { attacher: 'd', nodeName: `n${1 + pick(3)}`, source: { persistentVolumeName: volume } },
        }),
      () => api.drop(volumeAttachments, { name: `a-${volume}` }),
    ];
    acts[pick(acts.length)]?.();
  }
  const fresh = new ClusterState(sources.caches);
  fresh.follow(sources.caches);
  const describe = (state: ClusterState) =>
    state.nodes.map((info) => [
      info.name,
      [...info.pods.keys()].sort(),
      info.used.get('cpu') ?? 0n,
      [...info.pods.values()].flatMap(({ volumes }) => volumes.map(({ id }) => id)).sort(),
    ]);
  expect(describe(sources.state)).toEqual(describe(fresh));
});

test('SCH78: only nodes that changed are asked again', () => {
  const { api, sources } = setUp({ nodes: [{}, { name: 'n2' }, { name: 'n3' }] });
  const evaluations = new Evaluations();
  const ask = (pod: Stored<Pod>): number => {
    const before = evaluations.asked;
    const { facts } = observePod(sources, pod);
    const evaluate = evaluations.of(facts, new Map());
    for (const info of sources.state.nodes) evaluate(info);
    return evaluations.asked - before;
  };
  const one = api.seed(pods, aPod({ containers: [needs('1')] }, 'one'));
  const twin = api.seed(pods, aPod({ containers: [needs('1')] }, 'twin'));
  const other = api.seed(pods, aPod({ containers: [needs('2')] }, 'other'));
  expect([ask(one), ask(twin), ask(other), ask(one)]).toEqual([3, 0, 3, 0]);
  sources.state.assume(one, 'n2');
  expect([ask(twin), ask(other)]).toEqual([1, 1]);
  api.seed(nodes, aNode({ name: 'n3', spec: { unschedulable: true } }));
  expect(ask(twin)).toBe(1);
});

test('SCH78: what is remembered is what would be said', () => {
  const { api, sources } = setUp({ nodes: [{}, { name: 'n2' }] });
  const evaluations = new Evaluations();
  const random = seededRandom(3);
  for (let step = 0; step < 200; step++) {
    const name = `p${step % 7}`;
    const spec = { containers: [needs(`${1 + Math.floor(random.fraction() * 3)}`)] };
    if (random.fraction() < 0.5) api.seed(pods, aPod({ ...spec, nodeName: `n${1 + (step % 2)}` }, name));
    else api.drop(pods, { namespace, name });
    const pod = api.seed(pods, aPod(spec, 'asking'));
    const { facts, claims } = observePod(sources, pod);
    const wanted = wantedVolumes(claims, []);
    const evaluate = evaluations.of(facts, wanted);
    for (const info of sources.state.nodes) expect(evaluate(info)).toEqual(evaluateNode(facts, wanted, info));
  }
});
