// Single-use secrets in the URLs of exec and attach: whoever has the CRI socket may ask for one and hand it on.
// A ticket is good for one minute and one connection. Rules SBX67, SBX68.
import type { Clock } from '#base/clock.ts';
import type { Random } from '#base/random.ts';
import type { WebSocketConnection } from '#transport/http.ts';
import { GrpcError } from '#transport/grpc.ts';
import { chooseProtocol } from './channels.ts';
import type { StreamAcceptor } from './stream-listener.ts';

export const TICKET_MS = 60_000;
/** As upstream's request cache: more at once means that nobody comes to use them. */
export const MAX_TICKETS = 1000;

type Serve = (socket: WebSocketConnection) => Promise<void>;

export class StreamTickets {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #open = new Map<string, { readonly serve: Serve; readonly untilMs: number }>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The path of a new ticket. */
  issue(kind: 'exec' | 'attach', serve: Serve): string {
    this.#dropExpired();
    if (this.#open.size >= MAX_TICKETS) {
      throw new GrpcError(
        'RESOURCE_EXHAUSTED',
        `Cannot open a stream: ${MAX_TICKETS} wait for their clients`,
      );
    }
    const path = `/${kind}/${this.#random.uuid()}${this.#random.uuid()}`.replaceAll('-', '');
    this.#open.set(path, { serve, untilMs: this.#clock.elapsed() + TICKET_MS });
    return path;
  }

  readonly accept: StreamAcceptor = (path, offered) => {
    this.#dropExpired();
    const protocol = chooseProtocol(offered);
    const ticket = this.#open.get(path);
    if (protocol === undefined || ticket === undefined) return undefined;
    this.#open.delete(path);
    return { protocol, serve: ticket.serve };
  };

  #dropExpired(): void {
    const now = this.#clock.elapsed();
    for (const [path, ticket] of this.#open) if (ticket.untilMs <= now) this.#open.delete(path);
  }
}
