import { describe, expect, it } from 'vitest';
import { afterSilence, around, deedOf, firstPart, moved, nextSpeed, Places, playingTime } from './player';

describe('silences', () => {
  const silences = [
    [5_000, 5_900],
    [40_000, 50_000],
  ];

  it('are skipped but for a breath', () => {
    expect([39_999, 40_000, 40_349, 40_350, 49_000].map((at) => afterSilence(silences, at))).toEqual([
      null,
      null,
      null,
      49_750,
      49_750,
    ]);
  });

  it('are left where nothing is gained', () => {
    expect([5_400, 49_400, 60_000].map((at) => afterSilence(silences, at))).toEqual([null, null, null]);
    expect(afterSilence([], 5)).toBeNull();
  });

  it('shorten the time that is left, as a speed does', () => {
    expect(playingTime(90_000, 1, null)).toBe(90_000);
    expect(playingTime(90_000, 2, null)).toBe(45_000);
    expect(playingTime(90_000, 2, silences)).toBe((90_000 - 9_400) / 2);
  });
});

it('goes up and down in speed, and no further', () => {
  expect([0.75, 1, 2.5, 1.1].map((speed) => nextSpeed(speed, 1))).toEqual([1, 1.25, 2.5, 1.5]);
  expect([0.75, 1, 2.5, 9].map((speed) => nextSpeed(speed, -1))).toEqual([0.75, 0.75, 2, 2]);
});

describe('where somebody stopped', () => {
  const storage = () => {
    const map = new Map<string, string>();
    return {
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
    };
  };

  it('is kept for each replay, but not at its ends', () => {
    const places = new Places(storage());
    places.keep('a', 30_000.4, 90_000);
    places.keep('b', 40_000, 90_000);
    expect(['a', 'b', 'c'].map((id) => places.of(id))).toEqual([30_000, 40_000, 0]);
    places.keep('a', 85_000, 90_000);
    places.keep('b', 5_000, 90_000);
    expect(['a', 'b'].map((id) => places.of(id))).toEqual([0, 0]);
  });

  it('is kept for the last hundred', () => {
    const places = new Places(storage());
    for (let i = 0; i < 120; i += 1) places.keep(String(i), 20_000, 90_000);
    expect([19, 20, 119].map((i) => places.of(String(i)))).toEqual([0, 20_000, 20_000]);
  });

  it('is not known where storage is refused, or holds something else', () => {
    const refused = {
      getItem: () => {
        throw new Error('refused');
      },
      setItem: () => {
        throw new Error('refused');
      },
    };
    for (const kept of [null, refused, { getItem: () => '{"a":', setItem: () => undefined }]) {
      const places = new Places(kept);
      places.keep('a', 20_000, 90_000);
      expect(places.of('a')).toBe(0);
    }
    const foreign = new Places({ getItem: () => '[1,["a"],["b","9"],["c",9]]', setItem: () => undefined });
    expect(['a', 'b', 'c'].map((id) => foreign.of(id))).toEqual([0, 0, 9]);
  });
});

describe('the part for a clip', () => {
  it('begins as what was just heard', () => {
    expect(firstPart(50_000, 90_000)).toEqual({ from: 30_000, to: 50_000 });
    expect(firstPart(3_000, 90_000)).toEqual({ from: 0, to: 20_000 });
    expect(firstPart(95_000, 90_000)).toEqual({ from: 70_000, to: 90_000 });
    expect(firstPart(0, 8_000)).toEqual({ from: 0, to: 8_000 });
  });

  it('is a second to a minute long, whichever end is moved', () => {
    const part = { from: 30_000, to: 50_000 };
    expect(moved(part, 'from', 35_000, 90_000)).toEqual({ from: 35_000, to: 50_000 });
    expect(moved(part, 'to', 45_000, 90_000)).toEqual({ from: 30_000, to: 45_000 });
    // The other end follows.
    expect(moved(part, 'from', 49_900, 90_000)).toEqual({ from: 49_900, to: 50_900 });
    expect(moved(part, 'to', 10_000, 90_000)).toEqual({ from: 9_000, to: 10_000 });
    expect(moved({ from: 80_000, to: 85_000 }, 'from', 0, 90_000)).toEqual({ from: 0, to: 60_000 });
    expect(moved(part, 'to', 99_000, 200_000)).toEqual({ from: 39_000, to: 99_000 });
  });

  it('stays within the replay', () => {
    expect(moved({ from: 5_000, to: 9_000 }, 'to', 20_000, 10_000)).toEqual({ from: 5_000, to: 10_000 });
    expect(moved({ from: 5_000, to: 9_000 }, 'from', 20_000, 10_000)).toEqual({ from: 9_000, to: 10_000 });
    expect(moved({ from: 5_000, to: 9_000 }, 'from', -1, 10_000)).toEqual({ from: 0, to: 9_000 });
    expect(moved({ from: 0, to: 500 }, 'to', 100, 500)).toEqual({ from: 0, to: 500 });
  });

  it('is shown with what is around it', () => {
    expect(around({ from: 300_000, to: 320_000 }, 900_000)).toEqual({ from: 250_000, to: 370_000 });
    expect(around({ from: 0, to: 20_000 }, 900_000)).toEqual({ from: 0, to: 120_000 });
    expect(around({ from: 880_000, to: 900_000 }, 900_000)).toEqual({ from: 780_000, to: 900_000 });
    expect(around({ from: 0, to: 20_000 }, 30_000)).toEqual({ from: 0, to: 30_000 });
  });
});

it.each([
  [' ', 'Space', 'play'],
  ['N', 'KeyN', 'next'],
  ['т', 'KeyN', 'next'],
  ['ArrowLeft', 'ArrowLeft', 'back'],
  ['>', 'Period', 'faster'],
  ['e', 'KeyJ', null],
  ['Enter', 'Enter', null],
])('the key %j (%s) asks for %s', (key, code, deed) => {
  expect(deedOf({ key, code })).toBe(deed);
});
