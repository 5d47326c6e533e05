import { describe, expect, it } from 'vitest';
import { Breath, fromAmplitude, shownLevel, TalkerWatch } from './level';

describe('the shown level', () => {
  it('runs from silence to loud speech', () => {
    expect(shownLevel(new Float32Array(512))).toBe(0);
    expect(shownLevel(new Float32Array(0))).toBe(0);
    expect(shownLevel(new Float32Array(512).fill(1))).toBe(1);
    expect(fromAmplitude(NaN)).toBe(0);
  });

  it('rises with every doubling by the same step', () => {
    const step = fromAmplitude(0.02) - fromAmplitude(0.01);
    expect(step).toBeGreaterThan(0.1);
    expect(fromAmplitude(0.04) - fromAmplitude(0.02)).toBeCloseTo(step, 10);
  });
});

describe('a breath', () => {
  const feed = (breath: Breath, level: number, from: number, to: number) => {
    for (let now = from; now < to; now += 16) breath.feed(level, now);
  };

  it('rises faster than it falls, and follows both ways within 100 ms', () => {
    const breath = new Breath();
    feed(breath, 1, 0, 100);
    expect(breath.level).toBeGreaterThan(0.9);
    feed(breath, 0, 100, 120);
    expect(breath.level).toBeGreaterThan(0.5);
    feed(breath, 0, 120, 180);
    expect(breath.level).toBeLessThan(0.5);
    feed(breath, 0, 180, 2_000);
    expect(breath.level).toBe(0);
  });

  it('speaks through pauses between words, but not through noise', () => {
    const breath = new Breath();
    feed(breath, 0.6, 0, 200);
    feed(breath, 0, 200, 500);
    expect(breath.speaking).toBe(true);
    feed(breath, 0.1, 500, 1_000);
    expect(breath.speaking).toBe(false);
  });
});

describe('the talker of a receiver', () => {
  it('is the newest source', () => {
    const watch = new TalkerWatch();
    const old = { source: 3, timestamp: 100 };
    expect(watch.feed([old, { source: 5, timestamp: 120 }], 0)).toBe(5);
    expect(
      watch.feed(
        [
          { source: 3, timestamp: 140 },
          { source: 5, timestamp: 120 },
        ],
        16,
      ),
    ).toBe(3);
  });

  it('is nobody once the sources stand still, although they are still listed', () => {
    const watch = new TalkerWatch();
    const listed = [{ source: 5, timestamp: 120 }];
    expect(watch.feed(listed, 0)).toBe(5);
    expect(watch.feed(listed, 499)).toBe(5);
    expect(watch.feed(listed, 500)).toBeNull();
    expect(watch.feed([{ source: 5, timestamp: 121 }], 600)).toBe(5);
  });

  it('is nobody before the first packet', () => {
    expect(new TalkerWatch().feed([], 0)).toBeNull();
  });
});
