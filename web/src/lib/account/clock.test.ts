import { expect, it } from 'vitest';
import { fromField, toField } from './clock';

it.each([
  [0, '00:00'],
  [485, '08:05'],
  [1439, '23:59'],
])('%d minutes after midnight are %s', (minutes, field) => {
  expect(toField(minutes)).toBe(field);
  expect(fromField(field)).toBe(minutes);
});

it.each(['', '2', '--:--'])('an unfinished time %j is none', (field) => {
  expect(fromField(field)).toBe(null);
});
