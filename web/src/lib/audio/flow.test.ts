import { describe, expect, it } from 'vitest';
import { FlowWatch, type Played } from './flow';

const LOUD = 0.1;

/** Plays packets of 20 ms for `ms` from `start`, looking each time; gives what was found. */
function play(
  watch: FlowWatch,
  start: number,
  ms: number,
  level: number | undefined,
  slot = 0,
): (number | null)[] {
  const found = [];
  for (let now = start; now < start + ms; now += 20) {
    const slots: (Played | null)[] = [null, null, null];
    slots[slot] = { timestamp: now, level, talker: 7 };
    found.push(watch.feed(slots, now));
  }
  return found;
}

/** Looks every 50 ms while nothing new is played; gives when the sound was found to have broken off. */
function wait(watch: FlowWatch, start: number, ms: number): number[] {
  const found = [];
  for (let now = start; now <= start + ms; now += 50) {
    if (watch.feed([{ timestamp: start - 20, level: LOUD, talker: 7 }, null, null], now) === 7)
      found.push(now - start);
  }
  return found;
}

describe('sound that breaks off', () => {
  it('is found within half a second, once', () => {
    const watch = new FlowWatch();
    expect(play(watch, 0, 2_000, LOUD).every((one) => one === null)).toBe(true);
    expect(wait(watch, 2_000, 9_000)).toEqual([400]);
    expect(watch.goesOn).toBe(false);
    play(watch, 20_000, 100, LOUD, 1);
    expect(watch.goesOn).toBe(true);
  });

  it('is not the end of what somebody says, which fades into silence first', () => {
    const watch = new FlowWatch();
    play(watch, 0, 2_000, LOUD);
    play(watch, 2_000, 1_200, 0.0001);
    expect(wait(watch, 3_200, 5_000)).toEqual([]);
  });

  it('is found in a short pause between words too', () => {
    const watch = new FlowWatch();
    play(watch, 0, 2_000, LOUD);
    play(watch, 2_000, 500, 0.0001);
    expect(wait(watch, 2_500, 5_000)).toEqual([400]);
  });

  it('is not a burst of loss, nor one slot that falls silent while another plays', () => {
    const watch = new FlowWatch();
    play(watch, 0, 1_000, LOUD, 0);
    expect(wait(watch, 1_000, 300)).toEqual([]);
    expect(play(watch, 1_300, 2_000, LOUD, 2).every((one) => one === null)).toBe(true);
  });

  it('is found again only after a rest', () => {
    const watch = new FlowWatch();
    play(watch, 0, 1_000, LOUD);
    expect(wait(watch, 1_000, 1_000)).toEqual([400]);
    play(watch, 2_000, 1_000, LOUD);
    expect(wait(watch, 3_000, 3_000)).toEqual([]);
    play(watch, 12_000, 1_000, LOUD);
    expect(wait(watch, 13_000, 3_000)).toEqual([400]);
  });

  it('is never found before anything was played, or where levels are not told', () => {
    const watch = new FlowWatch();
    expect(watch.feed([null, null, null], 10_000)).toBe(null);
    play(watch, 20_000, 1_000, undefined);
    expect(wait(watch, 21_000, 3_000)).toEqual([]);
  });
});
