// Content negotiation: which form of an object the Accept header asks for. In JSON a client may want the object,
// kubectl's table, or its metadata alone; in protobuf the object. Pure.
import { PROTOBUF_TYPE } from '#api/protobuf/encode.ts';
import { notAcceptable } from '#api/status.ts';

export type Form = 'object' | 'table' | 'partial' | 'protobuf';

export interface AcceptedType {
  /** `application/json` */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const MAX_ACCEPT_LENGTH = 8 * 1024;

/** The media types of an Accept header in the client's order, those with q=0 left out. */
export function parseAccept(header: string | undefined): readonly AcceptedType[] {
  const text = (header ?? '').slice(0, MAX_ACCEPT_LENGTH);
  return text
    .split(',')
    .map(parseMediaType)
    .filter((accepted) => accepted.type !== '' && Number(accepted.parameters.q ?? 1) !== 0);
}

/** `application/json; charset=utf-8` taken apart. */
export function parseMediaType(text: string): AcceptedType {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = Object.create(null);
  for (const part of rest) {
    const [name = '', ...value] = part.split('=');
    parameters[name.trim().toLowerCase()] = value.join('=').trim().replace(/^"|"$/g, '');
  }
  return { type: type.toLowerCase(), parameters };
}

/** True for a type that our JSON satisfies. */
export function takesJson(accepted: AcceptedType): boolean {
  return /^(application\/(json|\*)|\*\/\*)$/.test(accepted.type);
}

/** The form for a resource response. Throws 406 when the client takes nothing that we have. */
export function negotiateForm(header: string | undefined, { protobuf } = { protobuf: true }): Form {
  const wanted = parseAccept(header);
  if (wanted.length === 0) return 'object';
  for (const accepted of wanted) {
    const { as, g, v } = accepted.parameters;
    if (protobuf && accepted.type === PROTOBUF_TYPE && as === undefined) return 'protobuf';
    if (!takesJson(accepted)) continue;
    if (as === undefined) return 'object';
    if (g !== 'meta.k8s.io' || v !== 'v1') continue;
    if (as === 'Table') return 'table';
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'partial';
  }
  throw notAcceptable(['application/json', ...(protobuf ? [PROTOBUF_TYPE] : [])]);
}
