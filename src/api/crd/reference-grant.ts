// ReferenceGrant of the Gateway API: lets objects of other namespaces refer to objects of its own. Holdfast serves it for
// claims that are filled from another namespace; the form is the one published with the Gateway API.
import type { JsonObject } from '../json.ts';

const NAME = { type: 'string', minLength: 1, maxLength: 253 };
const GROUP = { type: 'string', maxLength: 253 };
const KIND = { type: 'string', minLength: 1, maxLength: 63 };

function list(properties: JsonObject, required: readonly string[]): JsonObject {
  return { type: 'array', minItems: 1, maxItems: 16, items: { type: 'object', properties, required } };
}

const SPEC: JsonObject = {
  type: 'object',
  required: ['from', 'to'],
  properties: {
    from: list({ group: GROUP, kind: KIND, namespace: { ...NAME, maxLength: 63 } }, [
      'group',
      'kind',
      'namespace',
    ]),
    to: list({ group: GROUP, kind: KIND, name: NAME }, ['group', 'kind']),
  },
};

export const REFERENCE_GRANT_SPEC: JsonObject = {
  group: 'gateway.networking.k8s.io',
  scope: 'Namespaced',
  names: {
    kind: 'ReferenceGrant',
    listKind: 'ReferenceGrantList',
    plural: 'referencegrants',
    singular: 'referencegrant',
    shortNames: ['refgrant'],
    categories: ['gateway-api'],
  },
  versions: [
    {
      name: 'v1beta1',
      served: true,
      storage: true,
      schema: { type: 'object', properties: { spec: SPEC } },
      additionalPrinterColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    },
  ],
};
