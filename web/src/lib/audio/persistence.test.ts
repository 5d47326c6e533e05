import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Persistence } from './persistence';

/** A sound that comes back at the try with this number. */
function setup(backAt = Infinity) {
  const sound = { whole: true, tries: 0 };
  const persistence = new Persistence({
    whole: () => sound.whole,
    mend: () => {
      sound.tries += 1;
      sound.whole = sound.tries >= backAt;
    },
  });
  /** The system stops it, and says so. */
  const stop = () => {
    sound.whole = false;
    persistence.look();
  };
  return { sound, persistence, stop };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('does nothing while everything sounds', () => {
  const { sound, persistence } = setup();
  persistence.start();
  persistence.look();
  vi.advanceTimersByTime(60_000);
  expect(sound.tries).toBe(0);
});

it('brings back at once what the system stopped', () => {
  const { sound, persistence, stop } = setup(1);
  persistence.start();
  stop();
  expect([sound.tries, sound.whole]).toEqual([1, true]);
  vi.advanceTimersByTime(60_000);
  expect(sound.tries).toBe(1);
});

it('tries again until it sounds, each second and no more often', () => {
  const { sound, persistence, stop } = setup(4);
  persistence.start();
  stop();
  vi.advanceTimersByTime(2_999);
  expect([sound.tries, sound.whole]).toEqual([3, false]);
  vi.advanceTimersByTime(60_000);
  expect([sound.tries, sound.whole]).toEqual([4, true]);
});

it('goes on at the same pace when several things stop at once', () => {
  const { sound, persistence, stop } = setup();
  persistence.start();
  stop();
  persistence.look();
  persistence.look();
  expect(sound.tries).toBe(3);
  vi.advanceTimersByTime(5_000);
  expect(sound.tries).toBe(8);
});

it('gives up for now after half a minute, and begins anew when something changes', () => {
  const { sound, persistence, stop } = setup();
  persistence.start();
  stop();
  vi.advanceTimersByTime(600_000);
  expect(sound.tries).toBe(30);
  persistence.look();
  vi.advanceTimersByTime(1_000);
  expect(sound.tries).toBe(32);
});

it('leaves alone what is not wanted, and brings it back when it is again', () => {
  const { sound, persistence, stop } = setup();
  stop();
  persistence.start();
  vi.advanceTimersByTime(500);
  expect(sound.tries).toBe(1);
  persistence.stop();
  persistence.look();
  vi.advanceTimersByTime(60_000);
  expect(sound.tries).toBe(1);
  persistence.start();
  expect(sound.tries).toBe(2);
});
