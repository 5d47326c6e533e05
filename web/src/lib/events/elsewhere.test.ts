import { expect, it } from 'vitest';
import { datesIn } from '$lib/text/dates';
import { elsewhere } from './elsewhere';

const year = new Date().getUTCFullYear();
const at = (iso: string) => Date.parse(`${year}-${iso}Z`);
const seen = (iso: string, zone: string, own: string, locale = 'ru') =>
  elsewhere(at(iso), zone, own, datesIn(locale, own));

it.each([
  ['11-24T18:00', 'Europe/Berlin', 'Europe/Moscow', { clock: '19:00', zone: 'Германия' }],
  // The same day by both clocks or not: then the day is said too.
  ['11-24T22:00', 'Asia/Tokyo', 'Asia/Kolkata', { clock: '07:00', zone: 'Япония' }],
  ['11-24T18:00', 'UTC', 'Europe/Moscow', { clock: '18:00', zone: 'UTC' }],
  // They differ in summer only.
  ['07-24T18:00', 'Europe/London', 'Africa/Abidjan', { clock: '19:00', zone: 'Великобритания' }],
  ['11-24T18:00', 'Europe/London', 'Africa/Abidjan', null],
  ['11-24T18:00', 'Europe/Paris', 'Europe/Berlin', null],
  ['11-24T18:00', '', 'Europe/Moscow', null],
])('at %s, chosen in %j, read in %s', (iso, zone, own, expected) => {
  expect(seen(iso, zone, own)).toEqual(expected);
});

it('says the day where that is another one', () => {
  expect(seen('11-24T22:00', 'Asia/Tokyo', 'Europe/Berlin')).toEqual({
    clock: expect.stringMatching(/^\S+, 25 ноября, 07:00$/) as string,
    zone: 'Япония',
  });
});
