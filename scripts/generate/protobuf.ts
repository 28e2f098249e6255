// Turns a protobufjs-style JSON table of gRPC services into TypeScript types and a descriptor module. Field names
// become camelCase (the wire knows only numbers), so both the types and the run-time descriptor agree.
// int64 is a decimal string in TypeScript: sizes above 2^53 must stay exact.

interface FieldNode {
  readonly type?: string;
  readonly id?: number;
  readonly rule?: string;
  readonly keyType?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}
export interface Node {
  readonly nested?: Readonly<Record<string, Node>>;
  readonly fields?: Readonly<Record<string, FieldNode>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly methods?: Readonly<
    Record<
      string,
      { requestType: string; responseType: string; requestStream?: boolean; responseStream?: boolean }
    >
  >;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly edition?: string;
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'boolean',
  int32: 'number',
  uint32: 'number',
  sint32: 'number',
  fixed32: 'number',
  int64: 'Int64',
  uint64: 'Int64',
  double: 'number',
  float: 'number',
  bytes: 'Uint8Array',
};

const camel = (name: string): string => name.replace(/_+([a-z0-9])/g, (_m, c: string) => c.toUpperCase());
const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

function camelNode(node: Node): Node {
  const out: Record<string, unknown> = { ...node };
  if (node.fields !== undefined) {
    out['fields'] = Object.fromEntries(Object.entries(node.fields).map(([k, v]) => [camel(k), v]));
  }
  if (node.oneofs !== undefined) {
    out['oneofs'] = Object.fromEntries(
      Object.entries(node.oneofs).map(([k, v]) => [camel(k), { oneof: v.oneof.map(camel) }]),
    );
  }
  if (node.nested !== undefined) {
    out['nested'] = Object.fromEntries(Object.entries(node.nested).map(([k, v]) => [k, camelNode(v)]));
  }
  return out as Node;
}

/** Emits one module for a table whose services live in `packageName` (`csi.v1`). */
export function generateProtobuf(root: Node, packageName: string, source: string): string {
  const camelRoot = camelNode(root);
  let scope: Node | undefined = camelRoot;
  for (const part of packageName.split('.').filter((p) => p !== '')) scope = scope?.nested?.[part];
  if (scope === undefined) throw new Error(`package "${packageName}" is missing from ${source}`);
  const out: string[] = [];
  const names = new Map<string, string>();
  const collect = (node: Node, prefix: string): void => {
    for (const [name, child] of Object.entries(node.nested ?? {})) {
      const flat = prefix + name;
      names.set(prefix === '' ? name : `${prefix}.${name}`, flat);
      collect(child, prefix === '' ? flat : `${prefix}${name}`);
    }
  };
  collect(scope, '');
  const resolve = (type: string, path: readonly string[]): string => {
    const scalar = SCALARS[type];
    if (scalar !== undefined) return scalar;
    const wrapper = /^\.?google\.protobuf\.(\w+)$/.exec(type);
    if (wrapper !== null) return `Google${wrapper[1]}`;
    const bare = type.replace(/^\.?/, '').replace(`${packageName}.`, '');
    for (let depth = path.length; depth >= 0; depth--) {
      const candidate = [...path.slice(0, depth), ...bare.split('.')];
      let node: Node | undefined = scope;
      for (const part of candidate) node = node?.nested?.[part];
      if (node !== undefined) return candidate.join('');
    }
    throw new Error(`type "${type}" is missing from ${source}`);
  };
  const isMessage = (type: string): boolean => SCALARS[type] === undefined;
  const emit = (node: Node, path: readonly string[]): void => {
    const flat = path.join('');
    if (node.values !== undefined) {
      out.push(
        `export type ${flat} = ${Object.keys(node.values)
          .map((v) => `'${v}'`)
          .join(' | ')};`,
      );
    } else if (node.fields !== undefined) {
      const inOneof = new Set(Object.values(node.oneofs ?? {}).flatMap((o) => o.oneof));
      const lines = Object.entries(node.fields).map(([name, field]) => {
        const base = resolve(field.type ?? '', path);
        if (field.keyType !== undefined) return `  readonly ${name}: { readonly [key: string]: ${base} };`;
        if (field.rule === 'repeated') return `  readonly ${name}: readonly ${base}[];`;
        if (inOneof.has(name) || field.options?.['proto3_optional'] === true)
          return `  readonly ${name}?: ${base} | undefined;`;
        const target =
          isEnum(field.type ?? '', path) || !isMessage(field.type ?? '') ? base : `${base} | null`;
        return `  readonly ${name}: ${target};`;
      });
      out.push(
        lines.length === 0
          ? `export type ${flat} = object;`
          : `export interface ${flat} {\n${lines.join('\n')}\n}`,
      );
    } else if (node.methods !== undefined) {
      const methods = Object.entries(node.methods).map(([name, m]) => {
        const request = resolve(m.requestType, path.slice(0, -1));
        const response = resolve(m.responseType, path.slice(0, -1));
        const stream = m.responseStream === true ? ` & { readonly stream: true }` : '';
        return `  readonly ${lowerFirst(name)}: { readonly request: ${request}; readonly response: ${response} }${stream};`;
      });
      const fullName = [packageName, ...path].filter((p) => p !== '').join('.');
      out.push(
        `/** Methods of the gRPC service \`${fullName}\`. */\nexport interface ${flat}Methods {\n${methods.join('\n')}\n}`,
      );
    }
    for (const [name, child] of Object.entries(node.nested ?? {})) emit(child, [...path, name]);
  };
  const isEnum = (type: string, path: readonly string[]): boolean => {
    const bare = type.replace(/^\.?/, '').replace(`${packageName}.`, '');
    for (let depth = path.length; depth >= 0; depth--) {
      let node: Node | undefined = scope;
      for (const part of [...path.slice(0, depth), ...bare.split('.')]) node = node?.nested?.[part];
      if (node !== undefined) return node.values !== undefined;
    }
    return false;
  };
  for (const [name, child] of Object.entries(scope.nested ?? {})) emit(child, [name]);
  const text = out.join('\n');
  const google: string[] = [];
  if (text.includes('GoogleTimestamp'))
    google.push(
      'export interface GoogleTimestamp {\n  readonly seconds: Int64;\n  readonly nanos: number;\n}',
    );
  for (const [name, type] of [
    ['BoolValue', 'boolean'],
    ['Int64Value', 'Int64'],
    ['UInt64Value', 'Int64'],
    ['UInt32Value', 'number'],
    ['Int32Value', 'number'],
    ['StringValue', 'string'],
    ['DoubleValue', 'number'],
    ['FloatValue', 'number'],
    ['BytesValue', 'Uint8Array'],
  ] as const) {
    if (text.includes(`Google${name}`))
      google.push(`export interface Google${name} {\n  readonly value: ${type};\n}`);
  }
  return [
    `// Generated by npm run generate from ${source}. Do not edit.`,
    text.includes('Int64') || google.join().includes('Int64')
      ? `/** A 64-bit integer as a decimal string, exact at any size. */\nexport type Int64 = string;`
      : '',
    ...google,
    text,
    `/** The protobufjs descriptor, camelCase names, for @grpc/proto-loader's fromJSON. */`,
    `export const DESCRIPTOR_JSON = ${JSON.stringify(JSON.stringify(camelRoot))};`,
    '',
  ].join('\n');
}
