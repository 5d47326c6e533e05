import { describe, expect, it } from 'vitest';
import { picture } from './fixtures';
import {
  bars,
  BAR_STEP,
  chapterAt,
  clusters,
  lanePath,
  named,
  nextTurn,
  previousTurn,
  speakingAt,
  tickStep,
  turnAt,
  turns,
  wavePath,
} from './picture';

const talk = picture();
const list = turns(talk);
const short = (turn: { n: number; from: number } | null) => turn && `${turn.n}@${turn.from / 1_000}`;

describe('the waveform', () => {
  it('has a bar for each place, as loud as what is under it against the loudest', () => {
    const wave = [60, 100, 0, 60, 160, 160];
    expect(bars({ wave }, 3 * BAR_STEP)).toEqual([0.2, 0, 1]);
    // More places than parts: each part stands in several.
    expect(bars({ wave: [255, 0] }, 4 * BAR_STEP)).toEqual([1, 1, 0, 0]);
    expect(bars({ wave: [] }, 40)).toEqual(Array(10).fill(0));
    expect(bars({ wave }, 0)).toHaveLength(1);
  });

  it('is drawn around the middle, and a still part is a dot', () => {
    const [still, loud] = wavePath([0, 1], 40).split('M').slice(1);
    expect(still).toMatch(/^1\.25 18\.75h0a1\.25/);
    expect(loud).toMatch(/^5\.25 0h0a1\.25 1\.25 0 0 1 1\.25 1\.25v37\.5/);
  });
});

describe('a lane', () => {
  const shapes = (path: string) => path.split('M').length - 1;

  it('has a shape for each span that can be told from the one before', () => {
    const spans = [
      [0, 1_000],
      [1_100, 2_000],
      [50_000, 51_000],
    ];
    expect(shapes(lanePath(spans, 100_000, 10_000, 6))).toBe(3);
    expect(shapes(lanePath(spans, 100_000, 500, 6))).toBe(2);
  });

  it('has few shapes even for hours of short words', () => {
    const spans = Array.from({ length: 20_000 }, (_, i) => [i * 500, i * 500 + 200]);
    expect(shapes(lanePath(spans, 10_000_000, 800, 6))).toBeLessThan(800);
  });
});

it('knows who speaks at a moment', () => {
  expect([0, 12_500, 25_500, 40_000, 45_000, 89_999, 90_000].map((at) => speakingAt(talk, at))).toEqual([
    [1],
    [],
    [1, 2],
    [],
    [],
    [2],
    [],
  ]);
});

describe('turns', () => {
  it('leave breaths and short words out', () => {
    expect(list.map((turn) => [turn.n, turn.from, turn.to])).toEqual([
      [1, 0, 20_000],
      [2, 20_500, 40_000],
      [1, 50_000, 74_000],
      [2, 74_000, 90_000],
    ]);
  });

  it('belong to who began last, or spoke last', () => {
    expect([0, 25_500, 45_000, 74_000].map((at) => short(turnAt(list, at)))).toEqual([
      '1@0',
      '2@20.5',
      '2@20.5',
      '2@74',
    ]);
    expect(turnAt([], 5)).toBeNull();
  });

  it('are skipped to the next speaker', () => {
    expect([0, 20_500, 60_000, 80_000].map((at) => short(nextTurn(list, at)))).toEqual([
      '2@20.5',
      '1@50',
      '2@74',
      null,
    ]);
    // The same speaker once more is not the next.
    const twice = [
      { n: 1, from: 0, to: 5_000 },
      { n: 1, from: 9_000, to: 12_000 },
      { n: 2, from: 20_000, to: 30_000 },
    ];
    expect(short(nextTurn(twice, 1_000))).toBe('2@20');
    expect(short(previousTurn(twice, 11_900))).toBe('1@0');
    expect(short(previousTurn(twice, 20_500))).toBe('1@9');
  });

  it('are gone back to: the present one first, then the one before', () => {
    expect([500, 15_000, 30_000, 21_000, 75_000].map((at) => short(previousTurn(list, at)))).toEqual([
      '1@0',
      '1@0',
      '2@20.5',
      '1@0',
      '1@50',
    ]);
    expect(previousTurn([], 5)).toBeNull();
  });
});

describe('chapters', () => {
  it('are found by a moment', () => {
    expect([0, 49_999, 50_000, 99_000].map((at) => chapterAt(talk.chapters, at))).toEqual([0, 0, 1, 2]);
    expect(chapterAt([], 5)).toBe(-1);
  });

  it('are named where there is room', () => {
    const at = (...list: number[]) => list.map((at_ms) => ({ at_ms, title: null as string | null }));
    const places = (list: ReturnType<typeof at>) => named(list, 90, 900, 100).map(({ i }) => i);
    expect(named(at(0, 50, 74), 90, 900, 100)).toEqual([
      { i: 0, left: 0, room: 500 },
      { i: 1, left: 500, room: 240 },
      { i: 2, left: 740, room: 160 },
    ]);
    // One that is too close to the one before, or to the end, has no name.
    expect(places(at(0, 5, 50, 88))).toEqual([0, 2]);
    expect(named(at(0), 90, 60, 100)).toEqual([{ i: 0, left: 0, room: 60 }]);
    // What somebody has named goes before.
    const list = at(0, 50, 55, 74);
    list[2]!.title = 'On maps';
    expect(places(list)).toEqual([0, 2, 3]);
  });
});

it.each([
  [60_000, 800, 10_000],
  [90_000, 320, 30_000],
  [3_600_000, 800, 600_000],
  [3_600_000, 300, 900_000],
  [50_000_000, 300, 7_200_000],
])('times under %d ms on %d px are %d apart', (ms, width, step) => {
  expect(tickStep(ms, width)).toBe(step);
});

it('puts marks together that would cover each other', () => {
  const marks = [0, 1_000, 1_900, 40_000].map((at_ms, n) => ({
    n,
    at_ms,
    kind: 'question_taken' as const,
    text: 'Why?',
  }));
  const of = (width: number) => clusters(marks, 90_000, width, 24).map(({ at, marks }) => [at, marks.length]);
  expect(of(900)).toEqual([
    [0, 3],
    [40_000, 1],
  ]);
  expect(of(90_000)).toHaveLength(4);
});
