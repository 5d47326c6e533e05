import { expect, it } from 'vitest';
import { encode, newId } from './id';

it.each([
  [new Uint8Array(16), '0'.repeat(26)],
  [new Uint8Array(16).fill(255), '7' + 'z'.repeat(25)],
  [Uint8Array.from([...new Array(15).fill(0), 33]), '0'.repeat(24) + '11'],
])('encodes %s', (bytes, expected) => {
  expect(encode(bytes)).toBe(expected);
});

it('makes ids of the right form that differ', () => {
  const ids = new Set(Array.from({ length: 100 }, () => newId()));
  expect(ids.size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
});
