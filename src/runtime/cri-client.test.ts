import { describe, expect, it } from 'vitest';
import { GrpcError, type GrpcService } from '#transport/grpc.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { connectRuntime } from './cri-client.ts';
import { DESCRIPTOR_JSON } from './generated/cri.ts';

const ENDPOINT = '/run/cri.sock';
const CALL = { timeoutMs: 1000 };
const clock = {
  now: () => 0,
  elapsed: () => 0,
  after: () => ({ cancel: () => undefined }),
  turn: () => undefined,
};

async function connected(services: readonly GrpcService[]): Promise<ReturnType<typeof connectRuntime>> {
  const grpc = memoryGrpc(clock);
  await grpc.serve(ENDPOINT, DESCRIPTOR_JSON, services);
  return connectRuntime(grpc, ENDPOINT);
}

describe('connectRuntime', () => {
  it('CRI1: calls methods of both services, absent fields as their zero value', async () => {
    const seen: object[] = [];
    const cri = await connected([
      {
        name: 'runtime.v1.RuntimeService',
        handlers: {
          stopContainer: async (request: object) => {
            seen.push(request);
            return {};
          },
        },
      },
      { name: 'runtime.v1.ImageService', handlers: { pullImage: async () => ({ imageRef: 'ref' }) } },
    ]);
    await cri.runtime.stopContainer({ containerId: 'c' }, CALL);
    expect(seen).toEqual([{ containerId: 'c', timeout: '0' }]);
    expect(await cri.images.pullImage({ image: { image: 'x' } }, CALL)).toEqual({ imageRef: 'ref' });
  });

  it('CRI2: rejects with the code and message of the runtime', async () => {
    const refuse = async (): Promise<object> => {
      throw new GrpcError('NOT_FOUND', 'Cannot find container "c"');
    };
    const cri = await connected([
      { name: 'runtime.v1.RuntimeService', handlers: { containerStatus: refuse } },
    ]);
    const call = cri.runtime.containerStatus({ containerId: 'c' }, CALL);
    await expect(call).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'Cannot find container "c"' });
  });

  it('CRI2: a method that the runtime does not have is UNIMPLEMENTED', async () => {
    const cri = await connected([{ name: 'runtime.v1.RuntimeService', handlers: {} }]);
    await expect(cri.runtime.version({}, CALL)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('CRI3: yields container events until the stream ends', async () => {
    const getContainerEvents = async function* (): AsyncGenerator<object> {
      yield { containerId: 'a', containerEventType: 'CONTAINER_STARTED_EVENT' };
      yield { containerId: 'b', containerEventType: 'CONTAINER_STOPPED_EVENT' };
    };
    const cri = await connected([{ name: 'runtime.v1.RuntimeService', handlers: { getContainerEvents } }]);
    const seen: string[] = [];
    for await (const event of cri.containerEvents(new AbortController().signal)) {
      seen.push(`${event.containerId} ${event.containerEventType}`);
    }
    expect(seen).toEqual(['a CONTAINER_STARTED_EVENT', 'b CONTAINER_STOPPED_EVENT']);
  });
});
