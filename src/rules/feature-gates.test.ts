import { expect, test } from 'vitest';
import { DEFAULT_GATES, parseFeatureGates } from './feature-gates.ts';

test('RUL240: gates are read on top of the defaults', () => {
  expect(parseFeatureGates('')).toEqual(DEFAULT_GATES);
  expect(parseFeatureGates('CrossNamespaceVolumeDataSource=true')).toEqual({
    ...DEFAULT_GATES,
    CrossNamespaceVolumeDataSource: true,
  });
});

test.each([
  { text: 'Nothing=true', says: '"Nothing" is unknown' },
  { text: 'constructor=true', says: 'is unknown' },
  { text: 'CrossNamespaceVolumeDataSource=yes', says: 'true or false is needed' },
])('RUL240: $text is refused', ({ text, says }) => {
  expect(parseFeatureGates(text)).toMatchObject({ problem: expect.stringContaining(says) });
});
