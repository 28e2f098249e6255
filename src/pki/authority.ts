// The certificate authority of one data directory and the certificates it gives out. Everything is kept: what is there
// and still serves is used again, and what does not is renewed under the same authority.
//
// Each identity is one file with its certificate and its key: written in one piece, so that a crash never leaves a key
// beside the certificate of another. Mode 0600.
import type { Clock } from '#base/clock.ts';
import type { Files } from '#files/files.ts';
import { certificatePem, type Subject, toBeSigned } from './certificate.ts';
import { sha256Hex } from '#base/sha256.ts';
import type { CertificateFacts, Keys, SigningKey } from './keys.ts';
import { decideRenewal, isNearEnd, type Profile } from './renewal.ts';

export interface PkiDeps {
  readonly files: Files;
  readonly keys: Keys;
  readonly clock: Clock;
}

/** PEM texts of one identity, ready for a TLS listener or client. */
export interface Identity {
  readonly certificate: string;
  /** Never logged. */
  readonly privateKey: string;
  readonly certificateAuthority: string;
}

export interface CertificateAuthority {
  /** PEM: what the other side checks against. */
  readonly certificate: string;
  /** The identity stored under `name`: kept while it serves `profile`, else issued anew. */
  identity(name: string, profile: Profile): Promise<Identity>;
}

/** The authority in `directory` cannot be used, and replacing it would lock out everybody who trusts it. */
export class AuthorityDamagedError extends Error {
  override readonly name = 'AuthorityDamagedError';
  constructor(path: string, what: string) {
    super(
      `Reading the certificate authority "${path}": ${what}: restore the file, or remove it to make a new authority`,
    );
  }
}

const AUTHORITY: Subject = { commonName: 'holdfast-ca', organizations: [] };
const AUTHORITY_PROFILE: Profile = { subject: AUTHORITY, purposes: [], dnsNames: [], addresses: [] };
const YEAR_MS = 365 * 24 * 3600 * 1000;
const AUTHORITY_MS = 10 * YEAR_MS;
/** Certificates begin a little in the past, so that a client whose clock is behind accepts them. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Opens the authority in `directory`, making it when there is none or when it is near its end. */
export async function openAuthority(deps: PkiDeps, directory: string): Promise<CertificateAuthority> {
  await deps.files.makeDirectory(directory);
  const path = `${directory}/ca.pem`;
  const stored = await readPair(deps, path);
  const usable = stored.kind === 'pair' && !isNearEnd(stored.facts, deps.clock.now()) ? stored : undefined;
  if (stored.kind === 'damaged') throw new AuthorityDamagedError(path, stored.because);
  if (usable !== undefined) return new StoredAuthority(deps, directory, usable);
  const key = deps.keys.newKey();
  const certificate = issue(deps, {
    key,
    signer: key,
    profile: AUTHORITY_PROFILE,
  });
  await deps.files.write(path, Buffer.from(certificate + key.privatePem), { mode: 0o600 });
  return new StoredAuthority(deps, directory, { certificate, key });
}

class StoredAuthority implements CertificateAuthority {
  readonly certificate: string;
  readonly #deps: PkiDeps;
  readonly #directory: string;
  readonly #key: SigningKey;

  constructor(
    deps: PkiDeps,
    directory: string,
    authority: { readonly certificate: string; readonly key: SigningKey },
  ) {
    this.#deps = deps;
    this.#directory = directory;
    this.#key = authority.key;
    this.certificate = authority.certificate;
  }

  async identity(name: string, profile: Profile): Promise<Identity> {
    const path = `${this.#directory}/${name}.pem`;
    const stored = await readPair(this.#deps, path);
    const pair = stored.kind === 'pair' ? stored : undefined;
    const now = this.#deps.clock.now();
    const authorityPem = this.certificate;
    const decision = decideRenewal({ facts: pair?.facts, profile, authorityPem, now });
    if (decision.kind === 'keep' && pair !== undefined) return this.#identity(pair.certificate, pair.key);
    // A renewed certificate gets a new key: the old one may have been copied from a backup of long ago.
    const key = this.#deps.keys.newKey();
    const certificate = issue(this.#deps, { key, signer: this.#key, profile });
    await this.#deps.files.write(path, Buffer.from(certificate + key.privatePem), { mode: 0o600 });
    return this.#identity(certificate, key);
  }

  #identity(certificate: string, key: SigningKey): Identity {
    return { certificate, privateKey: key.privatePem, certificateAuthority: this.certificate };
  }
}

type StoredPair =
  | {
      readonly kind: 'pair';
      readonly certificate: string;
      readonly key: SigningKey;
      readonly facts: CertificateFacts;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly because: string };

async function readPair({ files, keys }: PkiDeps, path: string): Promise<StoredPair> {
  const bytes = await files.read(path);
  if (bytes === undefined) return { kind: 'absent' };
  const text = Buffer.from(bytes).toString('utf8');
  const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(text)?.[0];
  const privatePem = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(text)?.[0];
  const facts = certificate === undefined ? undefined : keys.readCertificate(certificate);
  const key = privatePem === undefined ? undefined : keys.readKey(privatePem);
  if (certificate === undefined || facts === undefined)
    return { kind: 'damaged', because: 'it holds no certificate' };
  if (key === undefined) return { kind: 'damaged', because: 'it holds no private key' };
  if (!facts.matches(key)) return { kind: 'damaged', because: 'its key does not belong to its certificate' };
  return { kind: 'pair', certificate, key, facts };
}

interface Issue {
  readonly key: SigningKey;
  /** The same as `key`: a certificate authority signs itself. */
  readonly signer: SigningKey;
  readonly profile: Profile;
}

function issue({ keys, clock }: PkiDeps, { key, signer, profile }: Issue): string {
  const isAuthority = key === signer;
  const now = clock.now();
  const signed = toBeSigned({
    serial: keys.randomSerial(),
    issuer: AUTHORITY,
    subject: profile.subject,
    notBefore: now - CLOCK_SKEW_MS,
    notAfter: now + (isAuthority ? AUTHORITY_MS : YEAR_MS),
    publicKey: key.publicKey,
    subjectKeyId: keyId(key),
    issuerKeyId: keyId(signer),
    purposes: isAuthority ? 'authority' : profile.purposes,
    dnsNames: profile.dnsNames,
    addresses: profile.addresses,
  });
  return certificatePem(signed, signer.sign(signed));
}

/** The first 20 bytes of the key's hash; every value that is unique to the key serves (RFC 7093). */
function keyId(key: SigningKey): Uint8Array {
  return Buffer.from(sha256Hex(Buffer.from(key.publicKey).toString('base64')).slice(0, 40), 'hex');
}
