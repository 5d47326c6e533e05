import { describe, expect, it } from 'vitest';
import { agree, cityOf, instantOf, wallOf, zonesByRegion } from './zones';

const at = (iso: string) => Date.parse(iso);

describe('a clock on a wall', () => {
  it.each([
    ['Europe/Berlin', '2026-01-15', '19:00', '2026-01-15T18:00:00Z'],
    ['Europe/Berlin', '2026-07-15', '19:00', '2026-07-15T17:00:00Z'],
    ['America/New_York', '2026-11-24', '20:30', '2026-11-25T01:30:00Z'],
    ['Asia/Kolkata', '2026-11-24', '00:00', '2026-11-23T18:30:00Z'],
    ['Asia/Kathmandu', '2026-11-24', '12:00', '2026-11-24T06:15:00Z'],
    ['Pacific/Kiritimati', '2026-11-24', '12:00', '2026-11-23T22:00:00Z'],
    ['', '2026-11-24', '12:00', '2026-11-24T12:00:00Z'],
    ['UTC', '2028-02-29', '12:00', '2028-02-29T12:00:00Z'],
  ])('in %s at %s %s is %s, and back', (zone, date, time, iso) => {
    expect(instantOf({ date, time }, zone)).toBe(at(iso));
    expect(wallOf(at(iso), zone)).toEqual({ date, time });
  });

  it.each([
    // The clocks go back at 03:00 (01:00 UTC): 02:30 comes twice, and the first is meant.
    ['Europe/Berlin', '2026-10-25', '02:30', '2026-10-25T00:30:00Z'],
    // They go forward at 02:00: 02:30 never comes, and is an hour later.
    ['Europe/Berlin', '2026-03-29', '02:30', '2026-03-29T01:30:00Z'],
    ['America/New_York', '2026-11-01', '01:30', '2026-11-01T05:30:00Z'],
    ['America/New_York', '2026-03-08', '02:30', '2026-03-08T07:30:00Z'],
    // Half an hour only.
    ['Australia/Lord_Howe', '2026-10-04', '02:15', '2026-10-03T15:45:00Z'],
    // Just before and just after are not moved.
    ['Europe/Berlin', '2026-03-29', '01:59', '2026-03-29T00:59:00Z'],
    ['Europe/Berlin', '2026-03-29', '03:00', '2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '2026-10-25', '03:00', '2026-10-25T02:00:00Z'],
  ])('in %s on the day of a change, %s %s, is %s', (zone, date, time, iso) => {
    expect(instantOf({ date, time }, zone)).toBe(at(iso));
  });

  it.each([
    ['', '19:00'],
    ['2026-11-24', ''],
    ['2026-02-31', '12:00'],
  ])('says nothing for %j %j', (date, time) => {
    expect(instantOf({ date, time }, 'Europe/Berlin')).toBeNull();
  });
});

it('knows when two zones show the same', () => {
  expect(agree('Europe/Berlin', 'Europe/Paris', at('2026-11-24T12:00:00Z'))).toBe(true);
  expect(agree('Europe/London', '', at('2026-11-24T12:00:00Z'))).toBe(true);
  expect(agree('Europe/London', '', at('2026-07-24T12:00:00Z'))).toBe(false);
  expect(agree('Europe/Moscow', 'Europe/Berlin', at('2026-11-24T12:00:00Z'))).toBe(false);
});

it('lists every zone once, the own one too', () => {
  const all = zonesByRegion('Europe/Kyiv').flatMap(({ zones }) => zones);
  expect(all).toContain('UTC');
  expect(all).toContain('Europe/Kyiv');
  expect(new Set(all).size).toBe(all.length);
  expect(zonesByRegion('UTC').map(({ region }) => region)).toContain('America');
});

it.each([
  ['Europe/Berlin', 'Berlin'],
  ['America/Argentina/Buenos_Aires', 'Buenos Aires'],
  ['UTC', 'UTC'],
  ['', 'UTC'],
])('reads %j as %s', (zone, city) => {
  expect(cityOf(zone)).toBe(city);
});
