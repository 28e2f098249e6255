// Whether a certificate on disk still serves. Pure.
import type { Purpose, Subject } from './certificate.ts';
import type { CertificateFacts } from './keys.ts';

export interface Profile {
  readonly subject: Subject;
  readonly purposes: readonly Purpose[];
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

export type RenewalDecision =
  | { readonly kind: 'keep' }
  | {
      readonly kind: 'renew';
      readonly because: 'absent' | 'other-authority' | 'near-expiry' | 'other-subject' | 'other-names';
    };

/** Renewed this long before its end: a machine that is restarted once a month never sees an expired one. */
export const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

export interface RenewalInput {
  /** Undefined: there is none, or it cannot be read, or its key is another one. */
  readonly facts: CertificateFacts | undefined;
  readonly profile: Profile;
  readonly authorityPem: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

export function decideRenewal({ facts, profile, authorityPem, now }: RenewalInput): RenewalDecision {
  if (facts === undefined) return { kind: 'renew', because: 'absent' };
  if (!facts.isSignedBy(authorityPem)) return { kind: 'renew', because: 'other-authority' };
  if (isNearEnd(facts, now)) return { kind: 'renew', because: 'near-expiry' };
  const { commonName, organizations } = profile.subject;
  const hasSubject = facts.commonName === commonName && isSameSet(facts.organizations, organizations);
  if (!hasSubject) return { kind: 'renew', because: 'other-subject' };
  const names = alternativeNamesOf(profile);
  return isSameSet(facts.alternativeNames, names)
    ? { kind: 'keep' }
    : { kind: 'renew', because: 'other-names' };
}

/** Also true when the machine's clock stands before the beginning: it was set back, and no client would accept it. */
export function isNearEnd(facts: CertificateFacts, now: number): boolean {
  return now >= facts.notAfter - RENEW_BEFORE_MS || now < facts.notBefore;
}

/** In the form in which facts hold them: IPv6 as eight groups without leading zeros. */
export function alternativeNamesOf({ dnsNames, addresses }: Profile): readonly string[] {
  return [
    ...dnsNames.map((name) => `DNS:${name}`),
    ...addresses.map((address) => `IP:${fullAddress(address)}`),
  ];
}

function fullAddress(address: string): string {
  if (!address.includes(':')) return address;
  const [before = '', after] = address.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const gap = Array.from({ length: after === undefined ? 0 : 8 - head.length - tail.length }, () => '0');
  return [...head, ...gap, ...tail]
    .map((group) => Number.parseInt(group, 16).toString(16).toUpperCase())
    .join(':');
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join('\n') === [...b].sort().join('\n');
}
