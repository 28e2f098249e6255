// Keys and signatures as pki needs them: real in pki/real. Only P-256 with SHA-256.

/** A private key. The PEM is a secret and never logged. */
export interface SigningKey {
  /** PKCS 8. */
  readonly privatePem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

/** What is read from a certificate. */
export interface CertificateFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** `DNS:localhost`, `IP:127.0.0.1`, sorted. IPv6 in canonical form. */
  readonly alternativeNames: readonly string[];
  readonly isAuthority: boolean;
  isSignedBy(authorityPem: string): boolean;
  /** True when the certificate is for this key. */
  matches(key: SigningKey): boolean;
}

export interface Keys {
  newKey(): SigningKey;
  /** Undefined when the text holds no private key of the kind that newKey makes. */
  readKey(pem: string): SigningKey | undefined;
  /** Undefined when the text holds no certificate. */
  readCertificate(pem: string): CertificateFacts | undefined;
  randomSerial(): Uint8Array;
}
