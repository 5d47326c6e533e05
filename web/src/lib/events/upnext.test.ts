import { expect, it } from 'vitest';
import { cardOf } from './fixtures';
import { choose } from './upnext';

const dated = (n: number) => Array.from({ length: n }, (_, i) => cardOf({ id: `d${i}`, starts_at: i + 1 }));
const undated = (n: number) => Array.from({ length: n }, (_, i) => cardOf({ id: `u${i}` }));

it.each([
  [0, 0, []],
  [9, 0, ['d0', 'd1', 'd2', 'd3', 'd4']],
  [9, 1, ['d0', 'd1', 'd2', 'd3', 'u0']],
  [9, 9, ['d0', 'd1', 'd2', 'u0', 'u1']],
  [1, 9, ['d0', 'u0', 'u1', 'u2', 'u3']],
  [0, 9, ['u0', 'u1', 'u2', 'u3', 'u4']],
])('of %d with a date and %d without', (with_, without, expected) => {
  expect(choose(dated(with_), undated(without)).map(({ id }) => id)).toEqual(expected);
});
