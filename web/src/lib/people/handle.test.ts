import { expect, it } from 'vitest';
import { handlesIn, isHandle, suggestHandle } from './handle';

it.each([
  ['ada', true],
  ['a1', true],
  ['a_' + 'b'.repeat(28), true],
  ['a', false],
  ['a' + 'b'.repeat(30), false],
  ['1a', false],
  ['_a', false],
  ['Ada', false],
  ['фаина', true],
  ['Фаина', false],
  ['ａda', false],
  ['ada!', false],
  ['ada lovelace', false],
])('%s is a handle: %s', (handle, expected) => {
  expect(isHandle(handle)).toBe(expected);
});

it.each([
  ['Ada Lovelace', 'ada_lovelace'],
  ['Zoë Łuk', 'zoe_uk'],
  ['Фаина Раневская', 'faina_ranevskaya'],
  ['42 Ben', 'ben'],
  ['李', ''],
  ['J.', ''],
  ['x'.repeat(50), 'x'.repeat(30)],
])('of %s the handle is %s', (name, expected) => {
  expect(suggestHandle(name)).toBe(expected);
  if (expected) expect(isHandle(expected)).toBe(true);
});

it('finds handles however they are typed', () => {
  expect(handlesIn(' @Ada, ben;chen\nada ')).toEqual(['ada', 'ben', 'chen']);
  expect(handlesIn('')).toEqual([]);
});
