// OpenAPI v2 in the protobuf form, which kubectl asks for about a kind that v3 does not know. It names no path and no
// type: every type that is served is described in v3, so here the answer is always "unknown", and kubectl goes on to
// say that the server has no such kind. Without this document it stops at "content type" before it comes to that.
import { ProtoWriter } from '../protobuf/wire.ts';

/** How clients ask for gnostic's openapi.v2.Document. */
const ASKED = ['spec.v2@v1.0', 'spec.v2.v1.0'].map(
  (name) => `application/com.github.proto-openapi.${name}+protobuf`,
);

/** How it is answered: with an "@", as clients ask, it would be no media type to their parser. */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function isV2Protobuf(mediaType: string | undefined): boolean {
  return mediaType !== undefined && ASKED.includes(mediaType);
}

// Numbers of openapi.v2.Document and openapi.v2.Info.
const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 };
const INFO = { title: 1, version: 2 };

/** `swagger`, `info`, and empty `paths` and `definitions`. */
export function emptyV2Protobuf(info: { readonly title: string; readonly version: string }): Uint8Array {
  const about = new ProtoWriter();
  about.string(INFO.title, info.title);
  about.string(INFO.version, info.version);
  const document = new ProtoWriter();
  document.string(DOCUMENT.swagger, '2.0');
  document.bytes(DOCUMENT.info, about.finish());
  document.bytes(DOCUMENT.paths, new Uint8Array());
  document.bytes(DOCUMENT.definitions, new Uint8Array());
  return document.finish();
}
