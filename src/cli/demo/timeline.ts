// The demo's timeline: a line a fact, with the time since the start. On a terminal the step in progress has a spinner;
// in a pipe there are only plain lines.
import type { Clock, Timer } from '#base/clock.ts';

export interface Screen {
  readonly isTerminal: boolean;
  write(text: string): void;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
const CLEAR_LINE = '\r\u001b[2K';
const paint = (code: number, text: string): string => `\u001b[${code}m${text}\u001b[0m`;

export class Timeline {
  readonly #clock: Clock;
  readonly #screen: Screen;
  readonly #startedAt: number;
  #inProgress: string | undefined;
  #frame = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, screen: Screen) {
    this.#clock = clock;
    this.#screen = screen;
    this.#startedAt = clock.elapsed();
  }

  /** A heading between the acts. */
  act(title: string): void {
    this.#clear();
    this.#screen.write(`\n${this.#screen.isTerminal ? paint(1, title) : title}\n`);
    this.#draw();
  }

  /** A fact that has just become true. */
  fact(what: string, detail = ''): void {
    this.#line(this.#screen.isTerminal ? paint(32, '✓') : '+', what, detail);
  }

  /** A fact that says that something is wrong. */
  failure(what: string, detail = ''): void {
    this.#line(this.#screen.isTerminal ? paint(31, '✗') : '!', what, detail);
  }

  /** Lines that belong to the fact above, indented. */
  quote(lines: readonly string[]): void {
    this.#clear();
    for (const line of lines) this.#screen.write(`${' '.repeat(14)}${printable(line)}\n`);
    this.#draw();
  }

  /** What is being waited for; undefined: nothing. */
  waitingFor(what: string | undefined): void {
    this.#clear();
    this.#inProgress = what;
    if (what === undefined) this.#timer?.cancel();
    this.#draw();
  }

  #line(mark: string, what: string, detail: string): void {
    this.#clear();
    const seconds = ((this.#clock.elapsed() - this.#startedAt) / 1000).toFixed(3).padStart(8);
    this.#screen.write(`${seconds} s  ${mark} ${what.padEnd(18)} ${printable(detail)}`.trimEnd());
    this.#screen.write('\n');
    this.#draw();
  }

  #clear(): void {
    if (this.#screen.isTerminal && this.#inProgress !== undefined) this.#screen.write(CLEAR_LINE);
  }

  #draw(): void {
    if (!this.#screen.isTerminal || this.#inProgress === undefined) return;
    this.#timer?.cancel();
    const frame = FRAMES[this.#frame % FRAMES.length] ?? '';
    this.#screen.write(`${CLEAR_LINE}${' '.repeat(12)}${paint(36, frame)} ${this.#inProgress}`);
    this.#timer = this.#clock.after(FRAME_MS, 'periodic', () => {
      this.#frame++;
      this.#draw();
    });
  }
}

/** Text from objects and files never reaches the terminal with control characters in it (CVE-2021-25743). */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
