// What a certificate says, as DER (RFC 5280). Pure: keys, signatures and random serials come from outside.
import {
  bitString,
  boolean,
  context,
  objectIdentifier,
  octetString,
  positiveInteger,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';

export interface Subject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export type Purpose = 'server' | 'client';

export interface CertificateFields {
  /** Up to 20 bytes, unique under its issuer. */
  readonly serial: Uint8Array;
  readonly issuer: Subject;
  readonly subject: Subject;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly subjectKeyId: Uint8Array;
  readonly issuerKeyId: Uint8Array;
  /** Signing certificates, or which side of a TLS connection it may stand on. */
  readonly purposes: 'authority' | readonly Purpose[];
  readonly dnsNames: readonly string[];
  /** IPv4 or IPv6 in their usual text forms. */
  readonly addresses: readonly string[];
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

const PURPOSE_OID: Readonly<Record<Purpose, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
};

const SIGNATURE_ALGORITHM = sequence(objectIdentifier(OID.ecdsaWithSha256));
/** digitalSignature, keyCertSign, cRLSign: bits 0, 5, 6. */
const AUTHORITY_USAGE = bitString(Buffer.from([0b1000_0110]), 1);
/** digitalSignature: bit 0. */
const LEAF_USAGE = bitString(Buffer.from([0b1000_0000]), 7);

/** The part of the certificate that is signed. */
export function toBeSigned(fields: CertificateFields): Uint8Array {
  return sequence(
    context(0, 'constructed', positiveInteger(Buffer.from([2]))), // Version 3.
    positiveInteger(fields.serial),
    SIGNATURE_ALGORITHM,
    distinguishedName(fields.issuer),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    distinguishedName(fields.subject),
    fields.publicKey,
    context(3, 'constructed', sequence(...extensions(fields))),
  );
}

/** The certificate: the signed part with its ECDSA signature (DER), as PEM. */
export function certificatePem(signed: Uint8Array, signature: Uint8Array): string {
  const der = sequence(signed, SIGNATURE_ALGORITHM, bitString(signature));
  const base64 = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64.trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName({ commonName, organizations }: Subject): Uint8Array {
  const attribute = (type: string, value: string) =>
    setOf(sequence(objectIdentifier(type), utf8String(value)));
  return sequence(
    ...organizations.map((organization) => attribute(OID.organization, organization)),
    attribute(OID.commonName, commonName),
  );
}

function extensions(fields: CertificateFields): readonly Uint8Array[] {
  const isAuthority = fields.purposes === 'authority';
  const all = [
    extension(OID.basicConstraints, true, isAuthority ? sequence(boolean(true)) : sequence()),
    extension(OID.keyUsage, true, isAuthority ? AUTHORITY_USAGE : LEAF_USAGE),
    extension(OID.subjectKeyId, false, octetString(fields.subjectKeyId)),
    extension(OID.authorityKeyId, false, sequence(context(0, 'primitive', fields.issuerKeyId))),
  ];
  if (fields.purposes === 'authority') return all;
  const purposes = fields.purposes.map((purpose) => objectIdentifier(PURPOSE_OID[purpose]));
  all.push(extension(OID.extendedKeyUsage, false, sequence(...purposes)));
  const names = alternativeNames(fields);
  return names.length === 0 ? all : [...all, extension(OID.subjectAltName, false, sequence(...names))];
}

function extension(type: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [boolean(true)] : [];
  return sequence(objectIdentifier(type), ...critical, octetString(value));
}

function alternativeNames({ dnsNames, addresses }: CertificateFields): readonly Uint8Array[] {
  return [
    ...dnsNames.map((name) => context(2, 'primitive', Buffer.from(name, 'ascii'))),
    ...addresses.map((address) => context(7, 'primitive', addressBytes(address))),
  ];
}

/** 4 bytes of an IPv4 address or 16 of an IPv6 one: `::1` is fifteen zeros and a one. */
export function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [before = '', after] = address.split('::');
  const head = groups(before);
  const tail = groups(after ?? '');
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  const all = after === undefined ? head : [...head, ...gap, ...tail];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
