// The unary calls of a gRPC service as typed functions, from the method tables that `npm run generate` makes.

/** Request with every field optional: absent fields travel as their zero value. */
export type Sparse<T> = T extends string | number | boolean | Uint8Array | null
  ? T
  : T extends readonly (infer E)[]
    ? readonly Sparse<E>[]
    : { readonly [K in keyof T]?: Sparse<T[K]> | undefined };

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

type UnaryNames<Methods> = {
  [M in keyof Methods]: Methods[M] extends { readonly stream: true } ? never : M;
}[keyof Methods];

/** Each unary call as a function of its request. Streams are left out. */
export type Caller<Methods> = {
  readonly [M in UnaryNames<Methods>]: Methods[M] extends {
    readonly request: infer Q;
    readonly response: infer R;
  }
    ? (request: Sparse<Q>, options: CallOptions) => Promise<R>
    : never;
};
