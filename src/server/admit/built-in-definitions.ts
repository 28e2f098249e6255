// The CustomResourceDefinitions of the built-in custom resources stay: what they define is served in any case.
import { isBuiltInDefinition } from '#api/crd/built-in.ts';
import { forbidden } from '#api/status.ts';
import type { Target } from '../registry/target.ts';

export function refuseBuiltInRemoval({ definition, name }: Target): void {
  const { group, plural } = definition.resource;
  if (group !== 'apiextensions.k8s.io' || plural !== 'customresourcedefinitions') return;
  if (isBuiltInDefinition(name)) {
    throw forbidden(definition.resource, name, 'this definition is built in and cannot be deleted');
  }
}
