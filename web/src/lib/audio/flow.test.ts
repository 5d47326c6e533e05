import { expect, it } from 'vitest';
import { FlowWatch } from './flow';

/** Plays a packet each `apart` ms from `start` to `end` in a slot, looking as often; gives when the sound was found to have stopped. */
function play(watch: FlowWatch, start: number, end: number, slot = 0, apart = 20): number[] {
  const found = [];
  for (let now = start; now < end; now += apart) {
    const slots: (number | null)[] = [null, null, null];
    slots[slot] = now;
    if (watch.feed(slots, now)) found.push(now);
  }
  return found;
}

/** Looks every 50 ms while nothing new is played. */
function wait(watch: FlowWatch, start: number, end: number, last: number | null): number[] {
  const found = [];
  for (let now = start; now < end; now += 50) if (watch.feed([last, null, null], now)) found.push(now);
  return found;
}

it('finds the end of the sound once, and again after more of it', () => {
  const watch = new FlowWatch();
  expect(play(watch, 0, 2_000)).toEqual([]);
  expect(wait(watch, 2_000, 9_000, 1_980)).toEqual([2_100]);
  expect(play(watch, 9_000, 9_500)).toEqual([]);
  expect(wait(watch, 9_500, 12_000, 9_480)).toEqual([9_600]);
});

it.each([
  [50, 100, 170],
  [80, 130, 200],
  [100, 150, 220],
  [120, 170, 240],
  [140, 190, 250],
])(
  'waits longer where packets are further apart: with one each %i ms for %i and then %i ms',
  (apart, ms, more) => {
    const watch = new FlowWatch();
    const end = 40 * apart;
    expect(play(watch, 0, end, 0, apart)).toEqual([]);
    expect(watch.patience).toBe(more);
    const last = end - apart;
    watch.feed([last, null, null], last + 90);
    expect(watch.feed([last, null, null], last + ms - 1)).toBe(false);
    expect(watch.feed([last, null, null], last + ms)).toBe(true);
  },
);

it('waits for long before it knows how far apart packets are', () => {
  const watch = new FlowWatch();
  play(watch, 0, 400);
  expect(watch.patience).toBe(250);
  expect(wait(watch, 400, 2_000, 380)).toEqual([600]);
});

it('forgives a few late looks, and learns that the sound comes unsteadily', () => {
  const watch = new FlowWatch();
  const gaps = (late: number) => Array.from({ length: 40 }, (_, i) => (i % 20 < late ? 90 : 50));
  let now = 0;
  const feed = (gap: number) => watch.feed([(now += gap), null, null], now);
  gaps(2).forEach(feed);
  expect(watch.patience).toBe(170);
  gaps(6).forEach(feed);
  expect(watch.patience).toBe(210);
});

it('takes short gaps, and one slot that falls silent while another plays, for no end', () => {
  const watch = new FlowWatch();
  play(watch, 0, 1_000);
  expect(wait(watch, 1_000, 1_070, 980)).toEqual([]);
  expect(play(watch, 1_070, 4_000, 2)).toEqual([]);
});

it('finds nothing before the first packet', () => {
  const watch = new FlowWatch();
  expect(wait(watch, 0, 5_000, null)).toEqual([]);
});

it('begins to count anew when the page was held up shortly', () => {
  const watch = new FlowWatch();
  play(watch, 0, 1_000);
  expect(watch.feed([980, null, null], 1_200)).toBe(false);
  expect(watch.feed([980, null, null], 1_290)).toBe(false);
  expect(watch.feed([980, null, null], 1_300)).toBe(true);
});

it('judges nothing when the page was held up, until more is played in time', () => {
  const watch = new FlowWatch();
  play(watch, 0, 1_000);
  // The first look after a while finds a packet that may be long gone, or none.
  expect(watch.feed([1_400, null, null], 2_000)).toBe(false);
  expect(wait(watch, 2_050, 4_000, 1_400)).toEqual([]);
  play(watch, 4_000, 5_000);
  expect(watch.feed([4_980, null, null], 6_000)).toBe(false);
  expect(play(watch, 6_050, 7_000)).toEqual([]);
  expect(wait(watch, 7_000, 8_000, 6_990)).toEqual([7_100]);
});
