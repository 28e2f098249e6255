// The query of a list or watch, read and checked (api-behaviour 5.3). Pure; what cannot hold is a 400 or 422 here.
import { forbiddenField, notSupported } from '#api/field-errors.ts';
import type { FieldError } from '#api/kind.ts';
import { badRequest, invalid } from '#api/status.ts';
import { isTrue } from '../router.ts';
import { type ContinueToken, decodeContinue } from './continue-token.ts';

export type ListPlan =
  /** The newest state, at least as new as `atLeast`. */
  | { readonly kind: 'newest'; readonly atLeast: number; readonly limit: number }
  | { readonly kind: 'exact'; readonly revision: number; readonly limit: number }
  | { readonly kind: 'continue'; readonly token: ContinueToken; readonly limit: number };

export interface WatchPlan {
  /** 'state': the state first, at least as new as `revision`. 'after': only what came after. 'now': only what comes. */
  readonly from: 'state' | 'after' | 'now';
  readonly revision: number;
  readonly initialEventsEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutSeconds: number | undefined;
}

const MATCHES = ['Exact', 'NotOlderThan'];

/** 0 stands for an absent limit. */
export function planList(query: URLSearchParams): ListPlan {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const token = query.get('continue') ?? '';
  refuse(checkListMatch(version, match, token, query.has('sendInitialEvents')));
  const limit = parseCount(query.get('limit'), 'limit') ?? 0;
  if (token !== '') {
    if (version !== '' && version !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    return { kind: 'continue', token: decodeContinue(token), limit };
  }
  const revision = parseRevision(version);
  // A limit without a match is Exact for a given revision: what clients of the first pages relied on.
  const exact = match === 'Exact' || (match === '' && limit > 0 && revision > 0);
  return exact ? { kind: 'exact', revision, limit } : { kind: 'newest', atLeast: revision, limit };
}

function checkListMatch(version: string, match: string, token: string, initialEvents: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const field = 'resourceVersionMatch';
  if (match !== '') {
    if (version === '') {
      errors.push(
        forbiddenField(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    }
    if (token !== '') {
      errors.push(forbiddenField(field, 'resourceVersionMatch is forbidden when continue is provided'));
    }
    if (!MATCHES.includes(match)) errors.push(notSupported(field, match, [...MATCHES, '']));
    if (match === 'Exact' && version === '0') {
      errors.push(forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (initialEvents)
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

export function planWatch(query: URLSearchParams): WatchPlan {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const sent = query.get('sendInitialEvents');
  refuse(checkWatchMatch(match, sent !== null));
  const revision = parseRevision(version);
  const wantsState = sent === null ? revision === 0 : isTrue(sent);
  return {
    from: wantsState ? 'state' : revision === 0 ? 'now' : 'after',
    revision,
    initialEventsEnd: sent !== null && isTrue(sent),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: parseCount(query.get('timeoutSeconds'), 'timeoutSeconds'),
  };
}

function checkWatchMatch(match: string, initialEvents: boolean): FieldError[] {
  const field = 'resourceVersionMatch';
  if (!initialEvents) {
    const why = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
    return match === '' ? [] : [forbiddenField(field, why)];
  }
  if (match === '') {
    const why = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    return [forbiddenField(field, why)];
  }
  return match === 'NotOlderThan' ? [] : [notSupported(field, match, ['NotOlderThan'])];
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid('ListOptions', 'meta.k8s.io', '', errors);
}

/** A resourceVersion; absent and "0" are 0. Too large for a revision of ours stays larger than any. */
export function parseRevision(text: string): number {
  if (text === '' || text === '0') return 0;
  if (!/^[1-9]\d*$/.test(text)) {
    throw badRequest(`Invalid value: ${JSON.stringify(text)}: resourceVersion must be a decimal integer`);
  }
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

export function parseCount(text: string | null, name: string): number | undefined {
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || !Number.isSafeInteger(value)) {
    throw badRequest(
      `query parameter "${name}": ${JSON.stringify(text)} is not a whole number of at least 0`,
    );
  }
  return value;
}
