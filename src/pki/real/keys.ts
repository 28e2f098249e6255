// Keys of the platform's own OpenSSL. Only main makes one.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import type { CertificateFacts, Keys, SigningKey } from '../keys.ts';

export function realKeys(): Keys {
  return {
    newKey: () => signingKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    readKey: (pem) => unlessUnreadable(() => signingKey(createPrivateKey(pem))),
    readCertificate: (pem) => unlessUnreadable(() => factsOf(new X509Certificate(pem))),
    randomSerial: () => randomBytes(16),
  };
}

function signingKey(key: KeyObject): SigningKey {
  return {
    privatePem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    sign: (bytes) => sign('sha256', bytes, key),
  };
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  const subject = certificate.subject.split('\n').map((line) => line.split('=', 2));
  const valuesOf = (type: string) => subject.flatMap(([name, value = '']) => (name === type ? [value] : []));
  return {
    commonName: valuesOf('CN')[0] ?? '',
    organizations: valuesOf('O'),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    alternativeNames: alternativeNames(certificate.subjectAltName ?? ''),
    isAuthority: certificate.ca,
    isSignedBy: (authorityPem) => {
      const authority = new X509Certificate(authorityPem);
      return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
    },
    matches: (key) => certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(key.publicKey),
  };
}

/** `DNS:localhost, IP Address:127.0.0.1` as OpenSSL prints it. */
function alternativeNames(text: string): readonly string[] {
  if (text === '') return [];
  return text
    .split(', ')
    .map((one) => one.replace(/^IP Address:/, 'IP:'))
    .sort();
}

function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
