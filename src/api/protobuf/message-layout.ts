// A type of the schema table as protobuf lays it out: fields by number, with the messages that Go's embedded structs
// become (a volume's source, a container within an ephemeral one) as a tree of their own.
import type { FieldSchema, TypeSchema } from '../schema.ts';

export interface MessageLayout {
  readonly fields: ReadonlyMap<number, FieldSchema>;
  /** Embedded messages, whose fields belong to this object in JSON. */
  readonly embedded: ReadonlyMap<number, MessageLayout>;
}

interface GrowingLayout extends MessageLayout {
  readonly fields: Map<number, FieldSchema>;
  readonly embedded: Map<number, GrowingLayout>;
}

const layouts = new WeakMap<TypeSchema, MessageLayout>();

export function layoutOf(type: TypeSchema): MessageLayout {
  const known = layouts.get(type);
  if (known !== undefined) return known;
  const root: GrowingLayout = { fields: new Map(), embedded: new Map() };
  for (const field of type.fields.values()) place(root, field, field.proto);
  layouts.set(type, root);
  return root;
}

/** apiVersion and kind of an object have no number: the envelope carries them. */
function place(layout: GrowingLayout, field: FieldSchema, numbers: readonly number[]): void {
  const [first, ...rest] = numbers;
  if (first === undefined) return;
  if (rest.length === 0) {
    layout.fields.set(first, field);
    return;
  }
  const inner = layout.embedded.get(first) ?? { fields: new Map(), embedded: new Map() };
  layout.embedded.set(first, inner);
  place(inner, field, rest);
}
