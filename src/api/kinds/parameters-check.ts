// The parameters of a class (StorageClass, VolumeAttributesClass): opaque to Kubernetes, but bounded.
import type { Field } from './field.ts';
import type { Problems } from './problems.ts';

const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

export function checkParameters(problems: Problems, parameters: Field): void {
  const entries = parameters.entries;
  if (entries.length > MAX_PARAMETERS) {
    problems.tooLong(parameters, MAX_PARAMETERS);
    return;
  }
  let total = 0;
  for (const { name, field } of entries) {
    if (name === '') problems.invalid(field, 'field can not be empty.');
    total += Buffer.byteLength(name) + Buffer.byteLength(field.text);
  }
  if (total > MAX_PARAMETER_BYTES) problems.tooLong(parameters, MAX_PARAMETER_BYTES);
}
