// What every gRPC transport must do, run on the real one and on its twin in memory.
import { nextTurn } from '../real/turn.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type GrpcConnection,
  GrpcError,
  type GrpcHandlers,
  type GrpcMessage,
  type GrpcTransport,
} from '#transport/grpc.ts';

const DESCRIPTOR = JSON.stringify({
  nested: {
    test: {
      nested: {
        v1: {
          nested: {
            Echo: {
              methods: {
                Say: { requestType: 'Word', responseType: 'Word' },
                Count: { requestType: 'Word', responseType: 'Word', responseStream: true },
              },
            },
            Word: {
              oneofs: { shape: { oneof: ['inner', 'flag'] }, _maybe: { oneof: ['maybe'] } },
              fields: {
                text: { type: 'string', id: 1 },
                bigNumber: { type: 'int64', id: 2 },
                raw: { type: 'bytes', id: 3 },
                list: { rule: 'repeated', type: 'string', id: 4 },
                labels: { keyType: 'string', type: 'string', id: 5 },
                colour: { type: 'Colour', id: 6 },
                inner: { type: 'Inner', id: 7 },
                flag: { type: 'bool', id: 8 },
                maybe: { type: 'string', id: 9, options: { proto3_optional: true } },
                child: { type: 'Inner', id: 10 },
              },
            },
            Inner: { fields: { value: { type: 'int32', id: 1 } } },
            Colour: { values: { UNKNOWN: 0, RED: 1 } },
          },
        },
      },
    },
  },
});

const SAY = { service: 'test.v1.Echo', method: 'Say' };
const COUNT = { service: 'test.v1.Echo', method: 'Count' };
const ZERO = {
  text: '',
  bigNumber: '0',
  raw: Buffer.alloc(0),
  list: [],
  labels: {},
  colour: 'UNKNOWN',
  child: null,
};

/** Registers the suite; `endpoint` is a socket path that is new for each test. */
export function grpcContract(name: string, make: () => { transport: GrpcTransport; endpoint: string }): void {
  describe(`gRPC over ${name}`, () => {
    let transport: GrpcTransport;
    let endpoint: string;
    let stack: AsyncDisposableStack;
    beforeEach(() => {
      ({ transport, endpoint } = make());
      stack = new AsyncDisposableStack();
    });
    afterEach(() => stack.disposeAsync());

    const serve = async (handlers: GrpcHandlers): Promise<AsyncDisposable> =>
      stack.use(await transport.serve(endpoint, DESCRIPTOR, [{ name: 'test.v1.Echo', handlers }]));
    const connect = (): GrpcConnection => stack.use(transport.connect(`unix://${endpoint}`, DESCRIPTOR));
    const failure = async (call: Promise<unknown>): Promise<GrpcError> => {
      const error: unknown = await call.then(
        (value) => expect.fail(`expected an error, got ${JSON.stringify(value)}`),
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(GrpcError);
      return error as GrpcError;
    };
    const echo = { say: async (request: GrpcMessage) => request };

    it('GRP1: fills absent fields, leaves out absent members of a oneof and absent optional fields', async () => {
      await serve(echo);
      expect(await connect().unary(SAY, {}, { timeoutMs: 5000 })).toEqual(ZERO);
    });

    it('GRP1: carries int64 as decimal strings, enums as names, bytes as Buffer, oneof members and maps', async () => {
      await serve(echo);
      const word = {
        text: 'ü',
        bigNumber: '-9223372036854775808',
        raw: Buffer.from([0, 255]),
        list: ['a', ''],
        labels: { constructor: 'x', 'a/b': '' },
        colour: 'RED',
        inner: { value: -1 },
        maybe: '',
        child: { value: 0 },
      };
      const reply = await connect().unary(
        SAY,
        { ...word, raw: new Uint8Array([0, 255]) },
        { timeoutMs: 5000 },
      );
      expect(reply).toEqual(word);
    });

    it('GRP2: refuses to send what the descriptor cannot encode, before anything is sent', async () => {
      let calls = 0;
      await serve({ say: async (request: GrpcMessage) => (calls++, request) });
      const error = await failure(connect().unary(SAY, { list: 7 }, { timeoutMs: 5000 }));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(calls).toBe(0);
    });

    it('GRP3: refuses a message above 16 MiB as RESOURCE_EXHAUSTED in both directions', async () => {
      await serve({ say: async () => ({ raw: Buffer.alloc(17 * 1024 * 1024) }) });
      const big = { raw: Buffer.alloc(17 * 1024 * 1024) };
      expect((await failure(connect().unary(SAY, big, { timeoutMs: 5000 }))).code).toBe('RESOURCE_EXHAUSTED');
      expect((await failure(connect().unary(SAY, {}, { timeoutMs: 5000 }))).code).toBe('RESOURCE_EXHAUSTED');
    });

    it('GRP3: carries a message of 15 MiB', async () => {
      await serve({ say: async (request: { raw: Buffer }) => ({ text: String(request.raw.length) }) });
      const reply = await connect().unary(
        SAY,
        { raw: Buffer.alloc(15 * 1024 * 1024) },
        { timeoutMs: 10_000 },
      );
      expect(reply).toMatchObject({ text: String(15 * 1024 * 1024) });
    });

    it('GRP4: finds a method by its lower-camel name too and refuses an unknown one', async () => {
      await serve(echo);
      const connection = connect();
      expect(await connection.unary({ ...SAY, method: 'say' }, {}, { timeoutMs: 5000 })).toEqual(ZERO);
      const error = await failure(connection.unary({ ...SAY, method: 'Shout' }, {}, { timeoutMs: 5000 }));
      expect(error.code).toBe('UNIMPLEMENTED');
    });

    it('GRP5: refuses a socket path of 108 bytes on both sides, naming the limit', async () => {
      const long = `/${'x'.repeat(107)}`;
      expect(() => transport.connect(long, DESCRIPTOR)).toThrow(/108 bytes.*at most 107/);
      await expect(transport.serve(long, DESCRIPTOR, [])).rejects.toThrow(/108 bytes.*at most 107/);
    });

    it('GRP6: hands the code and message of a GrpcError to the caller', async () => {
      await serve({
        say: () => Promise.reject(new GrpcError('FAILED_PRECONDITION', 'volume "a" is in use')),
      });
      const error = await failure(connect().unary(SAY, {}, { timeoutMs: 5000 }));
      expect([error.code, error.message]).toEqual(['FAILED_PRECONDITION', 'volume "a" is in use']);
    });

    it('GRP6: answers INTERNAL when a handler throws anything else', async () => {
      await serve({ say: () => Promise.reject(new TypeError('oops')) });
      expect((await failure(connect().unary(SAY, {}, { timeoutMs: 5000 }))).code).toBe('INTERNAL');
    });

    it('GRP7: answers UNIMPLEMENTED for a method or service without handler', async () => {
      await serve({});
      expect((await failure(connect().unary(SAY, {}, { timeoutMs: 5000 }))).code).toBe('UNIMPLEMENTED');
    });

    it('GRP8: ends a call at its deadline with DEADLINE_EXCEEDED and tells the handler', async () => {
      const told = Promise.withResolvers<void>();
      await serve({
        say: (_: GrpcMessage, signal: AbortSignal) =>
          new Promise<GrpcMessage>(() => signal.addEventListener('abort', () => told.resolve())),
      });
      expect((await failure(connect().unary(SAY, {}, { timeoutMs: 60 }))).code).toBe('DEADLINE_EXCEEDED');
      await told.promise;
    });

    it('GRP8: ends a call with CANCELLED when its caller aborts, at once when already aborted', async () => {
      const begun = Promise.withResolvers<void>();
      await serve({ say: () => (begun.resolve(), new Promise<GrpcMessage>(() => undefined)) });
      const caller = new AbortController();
      const call = connect().unary(SAY, {}, { timeoutMs: 5000, signal: caller.signal });
      await begun.promise;
      caller.abort();
      expect((await failure(call)).code).toBe('CANCELLED');
      const again = connect().unary(SAY, {}, { timeoutMs: 5000, signal: caller.signal });
      expect((await failure(again)).code).toBe('CANCELLED');
    });

    it('GRP9: a second server on a served socket is refused, one after its end is not', async () => {
      const first = await transport.serve(endpoint, DESCRIPTOR, [{ name: 'test.v1.Echo', handlers: echo }]);
      await expect(serve(echo)).rejects.toThrow(/another process serves/);
      await first[Symbol.asyncDispose]();
      await serve(echo);
      expect(await connect().unary(SAY, { text: 'back' }, { timeoutMs: 5000 })).toMatchObject({
        text: 'back',
      });
    });

    it('GRP10: says UNAVAILABLE while nobody listens and works once somebody does, on the same connection', async () => {
      const connection = connect();
      expect((await failure(connection.unary(SAY, {}, { timeoutMs: 2000 }))).code).toBe('UNAVAILABLE');
      await serve(echo);
      const attempt = async (left: number): Promise<GrpcMessage> =>
        connection.unary(SAY, { text: 'now' }, { timeoutMs: 2000 }).catch((error: unknown) => {
          if (left === 0) throw error;
          return nextTurn().then(() => attempt(left - 1));
        });
      expect(await attempt(20_000)).toMatchObject({ text: 'now' });
    });

    it('GRP10: a call whose server ends has no answer: UNAVAILABLE or CANCELLED, never a success', async () => {
      const begun = Promise.withResolvers<void>();
      const server = await serve({ say: () => (begun.resolve(), new Promise<GrpcMessage>(() => undefined)) });
      const call = failure(connect().unary(SAY, {}, { timeoutMs: 5000 }));
      await begun.promise;
      await server[Symbol.asyncDispose]();
      expect(['UNAVAILABLE', 'CANCELLED']).toContain((await call).code);
    });

    it('GRP11: streams messages in order and ends, or ends with the error of the handler', async () => {
      await serve({
        async *count(request: { text: string }) {
          for (let i = 0; i < 3; i++) yield { text: `${request.text}${i}` };
          if (request.text === 'bad') throw new GrpcError('ABORTED', 'enough');
        },
      });
      const seen: unknown[] = [];
      const connection = connect();
      const signal = new AbortController().signal;
      for await (const reply of connection.serverStream(COUNT, { text: 'n' }, signal)) seen.push(reply);
      expect(seen).toMatchObject([{ text: 'n0' }, { text: 'n1' }, { text: 'n2' }]);
      const bad = (async () => {
        for await (const reply of connection.serverStream(COUNT, { text: 'bad' }, signal)) seen.push(reply);
      })();
      expect((await failure(bad)).code).toBe('ABORTED');
      expect(seen.length).toBe(6);
    });

    it('GRP11: a stream that its reader leaves or aborts stops the handler', async () => {
      const stopped: string[] = [];
      const both = Promise.withResolvers<void>();
      await serve({
        async *count(request: { text: string }, signal: AbortSignal) {
          const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          try {
            yield { text: 'one' };
            await aborted;
          } finally {
            stopped.push(request.text);
            if (stopped.length === 2) both.resolve();
          }
        },
      });
      const connection = connect();
      const leaving = new AbortController();
      for await (const reply of connection.serverStream(COUNT, { text: 'left' }, leaving.signal)) {
        expect(reply).toMatchObject({ text: 'one' });
        break;
      }
      leaving.abort();
      const aborting = new AbortController();
      const read = (async () => {
        for await (const _ of connection.serverStream(COUNT, { text: 'aborted' }, aborting.signal))
          aborting.abort();
      })();
      expect((await failure(read)).code).toBe('CANCELLED');
      await both.promise;
      expect(stopped.toSorted()).toEqual(['aborted', 'left']);
    });

    it('GRP12: closing a connection ends its calls with CANCELLED and refuses new ones', async () => {
      const begun = Promise.withResolvers<void>();
      await serve({ say: () => (begun.resolve(), new Promise<GrpcMessage>(() => undefined)) });
      const connection = transport.connect(endpoint, DESCRIPTOR);
      const call = failure(connection.unary(SAY, {}, { timeoutMs: 5000 }));
      await begun.promise;
      await connection[Symbol.asyncDispose]();
      expect((await call).code).toBe('CANCELLED');
      expect((await failure(connection.unary(SAY, {}, { timeoutMs: 5000 }))).code).toBe('CANCELLED');
    });
  });
}
