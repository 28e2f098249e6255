// Chance comes in through this interface: real in main, seeded in testing.

export interface Random {
  /** A float in [0, 1). */
  fraction(): number;
  /** A random RFC 4122 UUID, lower case. */
  uuid(): string;
}

// The alphabet Kubernetes uses for generateName: no vowels (no words), no characters that look alike.
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A suffix of `length` characters for metadata.generateName. */
export function nameSuffix(random: Random, length = 5): string {
  let out = '';
  for (let i = 0; i < length; i++) {
    out += NAME_ALPHABET.charAt(Math.floor(random.fraction() * NAME_ALPHABET.length));
  }
  return out;
}
