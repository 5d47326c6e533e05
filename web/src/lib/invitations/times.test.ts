import { expect, it } from 'vitest';
import { dayField, endOfDay, fromField, suggested, timesIn, toField, zoneName } from './times';

const noon = new Date(2026, 2, 8, 12, 5).getTime();

it('writes and reads fields in the reader’s zone', () => {
  expect(toField(noon)).toBe('2026-03-08T12:05');
  expect(dayField(noon)).toBe('2026-03-08');
  expect(fromField('2026-03-08T12:05')).toBe(noon);
  expect(endOfDay('2026-03-08')).toBe(new Date(2026, 2, 8, 23, 59).getTime());
});

it.each(['', '2026-03-08', '2026-13-40T99:99', 'soon'])('reads %j as nothing', (field) => {
  expect(fromField(field)).toBeNull();
});

it('gathers the times that are there, each once and in order', () => {
  const later = '2026-03-09T19:00';
  expect(timesIn([later, '', toField(noon), later])).toEqual([noon, fromField(later)]);
});

it('suggests an evening some days ahead, across the end of a month', () => {
  expect(toField(suggested(new Date(2026, 1, 27, 8, 30).getTime(), 3))).toBe('2026-03-02T19:00');
});

it('writes zones as people do', () => {
  expect(zoneName('America/New_York')).toBe('America, New York');
  expect(zoneName('UTC')).toBe('UTC');
});
