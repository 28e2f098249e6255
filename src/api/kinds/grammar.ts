// Grammars of texts that only some kinds have: port names, variables, keys of data, driver names. Each function returns
// what is wrong in the words of Kubernetes; an empty list means valid.
import { dnsSubdomainProblems } from '../names.ts';

const CONFIG_KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  " +
  "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const ENV_NAME =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";

/** A key of a ConfigMap or Secret: becomes a file name. */
export function configKeyProblems(key: string): readonly string[] {
  const problems: string[] = [];
  if (Buffer.byteLength(key) > 253) problems.push('must be no more than 253 characters');
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) problems.push(CONFIG_KEY);
  if (key === '.') problems.push("must not be '.'");
  else if (key === '..') problems.push("must not be '..'");
  else if (key.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

export function envNameProblems(name: string): readonly string[] {
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(name) ? [] : [ENV_NAME];
}

/** A port's name: an IANA service name. */
export function portNameProblems(name: string): readonly string[] {
  const problems: string[] = [];
  if (name.length > 15) problems.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(name)) {
    problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens ('-')");
  }
  if (!/[a-z]/.test(name)) problems.push('must contain at least one letter (a-z)');
  if (name.includes('--')) problems.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export function portProblems(port: number): readonly string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65_535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}

/** A CSI driver's name: at most 63 bytes and, read in lower case, a subdomain. */
export function driverNameProblems(name: string): readonly string[] {
  const tooLong = Buffer.byteLength(name) > 63 ? ['must be no more than 63 bytes'] : [];
  return [...tooLong, ...dnsSubdomainProblems(name.toLowerCase())];
}

/** A path below a volume's root. */
export function relativePathProblems(path: string): readonly string[] {
  const problems: string[] = [];
  if (path.startsWith('/')) problems.push('must be a relative path');
  if (path.split('/').includes('..')) problems.push("must not contain '..'");
  return problems;
}

/** A path below a volume's root that we create: its first element may not look like our own `..data`. */
export function projectedPathProblems(path: string): readonly string[] {
  const problems = relativePathProblems(path);
  const first = path.split('/')[0] ?? '';
  return first.startsWith('..') && first !== '..' ? [...problems, "must not start with '..'"] : problems;
}
