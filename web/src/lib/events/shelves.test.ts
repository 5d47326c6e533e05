import { expect, it, vi } from 'vitest';
import { cardOf } from './fixtures';
import { daysAhead, shelve } from './shelves';

// A zone whose clocks change.
vi.stubEnv('TZ', 'Europe/Berlin');

const local = (month: number, day: number, hour: number) => new Date(2026, month - 1, day, hour).getTime();
const ids = (events: { id: string }[]) => events.map(({ id }) => id);

it('puts each event on one shelf, by the reader’s days', () => {
  const { live, days, undated } = shelve([
    cardOf({ id: 'on', state: 'live', starts_at: local(11, 23, 8) }),
    cardOf({ id: 'noon', starts_at: local(11, 24, 12) }),
    cardOf({ id: 'late', starts_at: local(11, 24, 23) }),
    cardOf({ id: 'after', starts_at: local(11, 25, 0) }),
    cardOf({ id: 'proposed', state: 'proposed', starts_at: local(11, 25, 1) }),
    cardOf({ id: 'some day' }),
  ]);
  expect(ids(live)).toEqual(['on']);
  expect(days.map((day) => [day.at, ids(day.events)])).toEqual([
    [local(11, 24, 0), ['noon', 'late']],
    [local(11, 25, 0), ['after', 'proposed']],
  ]);
  expect(ids(undated)).toEqual(['some day']);
});

it.each([
  [local(11, 23, 23), 0],
  [local(11, 23, 0), 0],
  [local(11, 24, 0), 1],
  [local(11, 24, 23), 1],
  [local(11, 30, 9), 7],
  [local(11, 22, 23), -1],
])('counts days, not hours (%d)', (at, days) => {
  expect(daysAhead(at, local(11, 23, 9))).toBe(days);
});

it('counts days where the clocks change', () => {
  // Their last Sundays: one has 23 hours, the other 25.
  expect(daysAhead(local(3, 30, 0), local(3, 28, 23))).toBe(2);
  expect(daysAhead(local(10, 26, 23), local(10, 24, 0))).toBe(2);
});
