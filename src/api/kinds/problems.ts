// Collects the causes of a 422 for the fields of one object.
import * as errors from '../field-errors.ts';
import type { FieldError } from '../kind.ts';
import type { Field } from './field.ts';
import { sameValue } from './equal.ts';

export class Problems {
  readonly list: FieldError[] = [];

  required(at: Field, detail = ''): void {
    this.list.push(errors.required(at.path, detail));
  }

  invalid(at: Field, detail: string): void {
    this.list.push(errors.invalidValue(at.path, at.value, detail));
  }

  duplicate(at: Field): void {
    this.list.push(errors.duplicate(at.path, at.value));
  }

  notFound(at: Field): void {
    this.list.push(errors.notFoundValue(at.path, at.value));
  }

  notSupported(at: Field, supported: readonly string[]): void {
    this.list.push(errors.notSupported(at.path, at.value, supported));
  }

  forbidden(at: Field, detail: string): void {
    this.list.push(errors.forbiddenField(at.path, detail));
  }

  tooLong(at: Field, maxBytes: number): void {
    this.list.push(errors.tooLong(at.path, maxBytes));
  }

  /** Each text of `details` as one Invalid cause of `at`: what the name rules return. */
  invalidAll(at: Field, details: readonly string[]): void {
    for (const detail of details) this.invalid(at, detail);
  }

  /** Required when empty, unsupported when not one of `supported` (given in the order it is printed). */
  oneOf(at: Field, supported: readonly string[]): void {
    if (at.text === '') this.required(at);
    else if (!supported.includes(at.text)) this.notSupported(at, supported);
  }

  /** Required when empty, else its grammar `rule`. */
  named(at: Field, rule: (text: string) => readonly string[]): void {
    if (at.text === '') this.required(at);
    else this.invalidAll(at, rule(at.text));
  }

  /** The same, but may be empty. */
  optionallyNamed(at: Field, rule: (text: string) => readonly string[]): void {
    if (at.text !== '') this.invalidAll(at, rule(at.text));
  }

  /** `field is immutable`, when `at` no longer has the value of `old`. */
  immutable(at: Field, old: Field): void {
    if (!sameValue(at.value, old.value)) this.invalid(at, 'field is immutable');
  }
}
