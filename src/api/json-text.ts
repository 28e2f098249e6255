// Reads JSON text beside JSON.parse, which hides two things: keys given twice and nesting too deep to walk. One pass
// counts colons outside strings; fewer keys in the parsed value than colons mean duplicates, and only then is the
// text read again to name them.
import type { JsonValue } from './json.ts';

export interface TextShape {
  /** Deepest nesting of objects and arrays. */
  readonly depth: number;
  /** Members of all objects, duplicates included. */
  readonly members: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;

/** Of text that may still be malformed: JSON.parse has the last word. */
export function shapeOf(text: string): TextShape {
  let depth = 0;
  let deepest = 0;
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COLON:
        members++;
        break;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        deepest = Math.max(deepest, ++depth);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--;
        break;
    }
  }
  return { depth: deepest, members };
}

/** The index of the quote that closes the string opened at `start`; the text's length when none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** Members of all objects of a parsed value. Its depth has been checked. */
export function countMembers(value: JsonValue | undefined): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countMembers(item), 0);
  const values = Object.values(value);
  return values.reduce<number>((sum, item) => sum + countMembers(item), values.length);
}

interface Frame {
  readonly path: string;
  /** Undefined for an array. */
  readonly keys: Set<string> | undefined;
  readonly repeated: Set<string>;
  index: number;
  key: string | undefined;
}

/** The paths (`spec.containers[0].name`) that occur twice in valid JSON, each once, in the order of the text. */
export function duplicatePaths(text: string): string[] {
  const found: string[] = [];
  const stack: Frame[] = [];
  for (let at = 0; at < text.length; at++) {
    const top = stack.at(-1);
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        stack.push(openFrame(top, text.charCodeAt(at) === OPEN_OBJECT));
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        stack.pop();
        break;
      case COMMA:
        if (top !== undefined) nextElement(top);
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        if (top?.keys !== undefined && top.key === undefined) takeKey(top, text.slice(at, end + 1), found);
        at = end;
        break;
      }
    }
  }
  return found;
}

function openFrame(parent: Frame | undefined, isObject: boolean): Frame {
  const keys = isObject ? new Set<string>() : undefined;
  return { path: childPath(parent), keys, repeated: new Set(), index: 0, key: undefined };
}

function childPath(frame: Frame | undefined): string {
  if (frame === undefined) return '';
  if (frame.keys === undefined) return `${frame.path}[${frame.index}]`;
  return frame.path === '' ? (frame.key ?? '') : `${frame.path}.${frame.key ?? ''}`;
}

function nextElement(frame: Frame): void {
  frame.index++;
  frame.key = undefined;
}

function takeKey(frame: Frame, quoted: string, found: string[]): void {
  const parsed: unknown = JSON.parse(quoted);
  const key = String(parsed);
  frame.key = key;
  if (frame.keys?.has(key) === true && !frame.repeated.has(key)) {
    frame.repeated.add(key);
    found.push(childPath(frame));
  }
  frame.keys?.add(key);
}
