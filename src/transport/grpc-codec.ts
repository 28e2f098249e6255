// Turns a protobufjs JSON descriptor into encoders and decoders of gRPC messages, for the real transport and for its
// twin in memory alike, so that both give the same shapes: every scalar, list and map present with its zero value,
// absent messages null, absent members of a oneof and absent `optional` fields missing, int64 as decimal strings,
// enums as names (a number the descriptor does not know stays a number), bytes as Buffer. Rules GRP1 to GRP4.
import protobuf from 'protobufjs';
import { messageOf } from '#base/errors.ts';
import { GrpcError, type GrpcMessage, type GrpcMethod } from './grpc.ts';

/** No message may be larger, in either direction; a limit that is not set is 4 MiB here and unbounded elsewhere. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface MethodCodec {
  /** `/csi.v1.Identity/GetPluginInfo`. */
  readonly path: string;
  /** `getPluginInfo`, the key of its handler. */
  readonly handlerName: string;
  readonly streamsRequests: boolean;
  readonly streamsResponses: boolean;
  readonly encodeRequest: (message: GrpcMessage) => Buffer;
  readonly decodeRequest: (bytes: Buffer) => GrpcMessage;
  readonly encodeResponse: (message: GrpcMessage) => Buffer;
  readonly decodeResponse: (bytes: Buffer) => GrpcMessage;
}

export interface GrpcCodec {
  /** The codec of a method by `GetPluginInfo` or `getPluginInfo`; UNIMPLEMENTED when the descriptor has none. */
  method(method: GrpcMethod): MethodCodec;
  /** Every method of a service, in the descriptor's order. */
  methodsOf(service: string): readonly MethodCodec[];
}

const OUTPUT: protobuf.IConversionOptions = {
  longs: String,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: true,
};

/** Parses a descriptor once; throws when it is not one. */
export function grpcCodec(descriptorJson: string): GrpcCodec {
  const descriptor: protobuf.INamespace = JSON.parse(descriptorJson);
  const root = protobuf.Root.fromJSON(descriptor);
  root.resolveAll();
  const cache = new Map<string, MethodCodec>();
  const codecOf = (service: string, found: protobuf.Method): MethodCodec => {
    const path = `/${service}/${found.name}`;
    const known = cache.get(path);
    if (known !== undefined) return known;
    const made = methodCodec(path, found);
    cache.set(path, made);
    return made;
  };
  return {
    method({ service, method }) {
      const name = method.charAt(0).toUpperCase() + method.slice(1);
      const found = serviceOf(root, service).methods[name];
      if (found === undefined) {
        throw new GrpcError(
          'UNIMPLEMENTED',
          `Cannot call "${service}/${name}": its descriptor has no such method`,
        );
      }
      return codecOf(service, found);
    },
    methodsOf: (service) =>
      Object.values(serviceOf(root, service).methods).map((found) => codecOf(service, found)),
  };
}

function serviceOf(root: protobuf.Root, name: string): protobuf.Service {
  const found = root.lookup(name, protobuf.Service);
  if (found instanceof protobuf.Service) return found;
  throw new GrpcError(
    'UNIMPLEMENTED',
    `Cannot use the gRPC service "${name}": its descriptor does not have it`,
  );
}

function methodCodec(path: string, method: protobuf.Method): MethodCodec {
  method.resolve();
  const { resolvedRequestType: request, resolvedResponseType: response } = method;
  if (request === null || response === null) {
    throw new GrpcError('INTERNAL', `Cannot use "${path}": its descriptor lacks the type of a message`);
  }
  return {
    path,
    handlerName: method.name.charAt(0).toLowerCase() + method.name.slice(1),
    streamsRequests: method.requestStream === true,
    streamsResponses: method.responseStream === true,
    encodeRequest: encoder(path, request),
    decodeRequest: decoder(path, request),
    encodeResponse: encoder(path, response),
    decodeResponse: decoder(path, response),
  };
}

function encoder(path: string, type: protobuf.Type): (message: GrpcMessage) => Buffer {
  return (message) => {
    const bytes = encode(path, type, message);
    if (bytes.length > MAX_MESSAGE_BYTES) {
      throw new GrpcError(
        'RESOURCE_EXHAUSTED',
        `Cannot send a ${type.name} of "${path}": it has ${bytes.length} bytes, at most ${MAX_MESSAGE_BYTES} are allowed`,
      );
    }
    return bytes;
  };
}

function encode(path: string, type: protobuf.Type, message: GrpcMessage): Buffer {
  try {
    const bytes = type.encode(type.fromObject({ ...message })).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    throw new GrpcError('INVALID_ARGUMENT', `Cannot encode a ${type.name} of "${path}": ${messageOf(error)}`);
  }
}

function decoder(path: string, type: protobuf.Type): (bytes: Buffer) => GrpcMessage {
  return (bytes) => {
    if (bytes.length > MAX_MESSAGE_BYTES) {
      throw new GrpcError(
        'RESOURCE_EXHAUSTED',
        `Cannot read a ${type.name} of "${path}": it has ${bytes.length} bytes, at most ${MAX_MESSAGE_BYTES} are allowed`,
      );
    }
    try {
      return type.toObject(type.decode(bytes), OUTPUT);
    } catch (error) {
      // The other side has perhaps done the work: INTERNAL is an uncertain answer.
      throw new GrpcError('INTERNAL', `Cannot decode a ${type.name} of "${path}": ${messageOf(error)}`);
    }
  };
}
