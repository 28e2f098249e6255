// HTTPS and WebSocket as the rest of Holdfast sees them. Real in transport/real, in memory in testing.

/** What the TLS layer proved about the client. Undefined: no certificate, or one that our CA did not sign. */
export interface PeerIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export interface HttpRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Lower-case names; repeated headers joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly peer: PeerIdentity | undefined;
  /** Reads the whole body; rejects with TooLargeError past the listener's limit. At most once. */
  body(): Promise<Uint8Array>;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** Sent as `Warning: 299 - "<text>"` headers. */
  readonly warnings?: readonly string[];
}

/** The body is larger than the listener's limit. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
  readonly limitBytes: number;
  constructor(limitBytes: number) {
    super(`Request entity too large: limit is ${limitBytes}`);
    this.limitBytes = limitBytes;
  }
}

/** The other side answered a WebSocket upgrade with a plain response: no socket was opened. */
export class UpgradeRefusedError extends Error {
  override readonly name = 'UpgradeRefusedError';
  readonly status: number;
  /** The refusal's body, cut to 64 KiB. */
  readonly body: Uint8Array;
  constructor(status: number, body: Uint8Array) {
    super(`WebSocket upgrade refused with status ${status}`);
    this.status = status;
    this.body = body;
  }
}

export interface WebSocketConnection {
  /** The negotiated subprotocol, empty when none. */
  readonly protocol: string;
  /** Resolves when the frame may be forgotten; bounded buffering (law 8). */
  send(frame: Uint8Array): Promise<void>;
  /** Binary and text frames as bytes; ends when the peer closes. */
  readonly frames: AsyncIterable<Uint8Array>;
  close(code?: number, reason?: string): void;
}

export interface TlsIdentity {
  /** PEM. */
  readonly certificate: string;
  /** PEM. Never logged. */
  readonly privateKey: string;
  /** PEM of the CA that the other side must be signed by. */
  readonly certificateAuthority: string;
}

export interface HttpListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls: TlsIdentity;
  readonly maxBodyBytes: number;
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
  /** Decides about a WebSocket upgrade: refuse with a response, or accept one of the offered subprotocols. */
  readonly upgrade?: (
    request: HttpRequest,
    offeredProtocols: readonly string[],
  ) => Promise<
    | { readonly kind: 'refuse'; readonly response: HttpResponse }
    | {
        readonly kind: 'accept';
        readonly protocol: string;
        readonly serve: (socket: WebSocketConnection) => Promise<void>;
      }
  >;
}

export interface HttpListener extends AsyncDisposable {
  readonly port: number;
}

export interface HttpClient extends AsyncDisposable {
  /** Resolves when the response headers are there. Rejects when there was no answer (the outcome is unknown). */
  send(request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Uint8Array;
    /** The answer goes on until one side ends it: it gets a connection of its own, and keeps nobody waiting for one. */
    readonly isStream?: boolean;
    readonly signal: AbortSignal;
  }): Promise<{
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: AsyncIterable<Uint8Array>;
  }>;
  openWebSocket(
    path: string,
    protocols: readonly string[],
    signal: AbortSignal,
  ): Promise<WebSocketConnection>;
}

export interface HttpTransport {
  /** HTTP/2 and HTTP/1.1 on one TLS port; client certificates asked for, verified against the CA, not required. */
  listen(options: HttpListenOptions): Promise<HttpListener>;
  /** `origin`: `https://127.0.0.1:6443` with a TLS identity, or `http://127.0.0.1:40001` (CRI streaming) without. */
  client(origin: string, tls?: Partial<TlsIdentity>): HttpClient;
}
