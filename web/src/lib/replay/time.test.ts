import { describe, expect, it } from 'vitest';
import { clock, hashOf, momentOf, parts } from './time';

it.each([
  [0, '0:00'],
  [999, '0:00'],
  [83_000, '1:23'],
  [3_599_999, '59:59'],
  [3_723_000, '1:02:03'],
  [-5, '0:00'],
])('%d ms is %s', (ms, shown) => {
  expect(clock(ms)).toBe(shown);
});

describe('a link to a second', () => {
  it.each([
    ['#t=83', 83_000],
    ['#t=1:23', 83_000],
    ['#t=1:02:03', 3_723_000],
    ['#t=npt:10.5', 10_500],
    ['#t=10,20', 10_000],
    ['#reply&t=7', 7_000],
    ['#t=0', 0],
  ])('%s', (hash, moment) => {
    expect(momentOf(hash)).toBe(moment);
  });

  it.each(['', '#', '#t=', '#t=-3', '#t=soon', '#t=1:2:3:4', '#replies', '#t=1e9'])(
    '%s names none',
    (hash) => {
      expect(momentOf(hash)).toBeNull();
    },
  );

  it('leads to the same second', () => {
    for (const ms of [0, 999, 83_400, 7_200_000]) {
      expect(momentOf(hashOf(ms))).toBe(Math.floor(ms / 1_000) * 1_000);
    }
    expect(hashOf(83_400)).toBe('#t=83');
  });
});

it('takes a length apart', () => {
  expect(parts(0)).toEqual({ hours: null, minutes: null, seconds: 0 });
  expect(parts(3_723_400)).toEqual({ hours: 1, minutes: 2, seconds: 3 });
  expect(parts(60_000)).toEqual({ hours: null, minutes: 1, seconds: null });
});
