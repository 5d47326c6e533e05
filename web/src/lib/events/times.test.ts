import { expect, it } from 'vitest';
import { readDate, readTimes } from './times';

const now = Date.parse('2026-11-23T12:00:00Z');
const wall = (date: string, time: string) => ({ date, time });

it.each([
  [wall('2026-11-24', '19:00'), Date.parse('2026-11-24T18:00:00Z')],
  [wall('2026-11-23', '13:01'), Date.parse('2026-11-23T12:01:00Z')],
  [wall('2026-11-23', '13:00'), 'past'],
  [wall('', '19:00'), 'incomplete'],
  [wall('2026-11-24', ''), 'incomplete'],
])('reads %j', (fields, expected) => {
  expect(readDate(fields, 'Europe/Berlin', now)).toBe(expected);
});

it('puts times in order, each once', () => {
  const late = wall('2026-11-25', '19:00');
  const early = wall('2026-11-24', '19:00');
  expect(readTimes([late, early, late], 'UTC', now)).toEqual([
    Date.parse('2026-11-24T19:00:00Z'),
    Date.parse('2026-11-25T19:00:00Z'),
  ]);
});

it.each([
  [[wall('2026-11-24', '19:00'), wall('2026-11-24', '19:00')], 'fewTimes'],
  [[wall('2026-11-24', '19:00'), wall('2026-11-20', '19:00')], 'past'],
  [[wall('2026-11-24', '19:00'), wall('', '19:00')], 'incomplete'],
])('asks for what is missing (%#)', (walls, expected) => {
  expect(readTimes(walls, 'UTC', now)).toBe(expected);
});
