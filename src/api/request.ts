// The request and response that the server's handler chain takes, over HTTPS or in process: the same encoded bytes.

/** Who a request comes from, as authentication established it. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
  /** Path with query, as on the request line: `/api/v1/pods?limit=500`. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Undefined: not authenticated. */
  readonly user: UserInfo | undefined;
  /** Aborts when the client has gone or its deadline has passed. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A whole body, or a stream (a watch: one frame a chunk). The consumer's pull is the back-pressure. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** `Warning` headers, one text each, without the `299 - ` part. */
  readonly warnings?: readonly string[];
}

/** The server's handler chain: never throws for bad input; a failure is a Status body with its code. */
export type ApiHandler = (request: ApiRequest) => Promise<ApiResponse>;
