// Who is at the other end of a TLS connection, as far as its certificate proves it. Rule HTP2: a certificate counts
// only when our CA signed it, and only with exactly one non-empty common name.
import type { TLSSocket } from 'node:tls';
import type { PeerIdentity } from '../http.ts';

/** The identity in the client's certificate, or undefined when there is none that the CA vouches for. */
export function peerIdentity(socket: TLSSocket): PeerIdentity | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  // A resumed session without a certificate is "authorized" too, and has an empty subject.
  const commonName = subjectValues(certificate.subject?.CN);
  const name = commonName[0];
  if (commonName.length !== 1 || name === undefined || name === '') return undefined;
  return { commonName: name, organizations: subjectValues(certificate.subject.O) };
}

/** node gives a repeated attribute as an array, whatever its type says. */
function subjectValues(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
