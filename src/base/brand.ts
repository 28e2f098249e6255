// Branded strings: two identifiers of different meaning cannot be swapped by mistake.

declare const brand: unique symbol;

/** A `Base` that the compiler keeps apart from every other brand. Made with a cast in one named constructor. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
