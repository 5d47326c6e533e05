import { expect, it } from 'vitest';
import { FlowWatch } from './flow';

/** Plays a packet each 20 ms from `start` to `end` in a slot, looking each time; gives when the sound was found to have stopped. */
function play(watch: FlowWatch, start: number, end: number, slot = 0): number[] {
  const found = [];
  for (let now = start; now < end; now += 20) {
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
  expect(wait(watch, 2_000, 9_000, 1_980)).toEqual([2_200]);
  expect(play(watch, 9_000, 9_500)).toEqual([]);
  expect(wait(watch, 9_500, 12_000, 9_480)).toEqual([9_700]);
});

it('takes short gaps, and one slot that falls silent while another plays, for no end', () => {
  const watch = new FlowWatch();
  play(watch, 0, 1_000);
  expect(wait(watch, 1_000, 1_180, 980)).toEqual([]);
  expect(play(watch, 1_180, 4_000, 2)).toEqual([]);
});

it('finds nothing before the first packet', () => {
  const watch = new FlowWatch();
  expect(wait(watch, 0, 5_000, null)).toEqual([]);
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
  expect(wait(watch, 7_000, 8_000, 6_990)).toEqual([7_200]);
});
