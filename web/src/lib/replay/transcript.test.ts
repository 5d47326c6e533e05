import { describe, expect, it } from 'vitest';
import type { TranscriptLine } from '$lib/api/replays';
import { finds, lineAt, paragraphs, pieces, quotes } from './transcript';

function line(n: number, from: number, text = 'Well.'): TranscriptLine {
  return {
    n,
    line: from,
    from_ms: from * 1_000,
    to_ms: from * 1_000 + 900,
    text,
    language: 'en',
    corrected: false,
    mine: false,
  };
}

it('puts together what one speaker says on end, up to a minute', () => {
  const list = paragraphs([line(1, 0), line(1, 3), line(2, 5), line(1, 6), line(1, 65), line(1, 66)]);
  expect(list.map(({ n, lines }) => [n, lines.length])).toEqual([
    [1, 2],
    [2, 1],
    [1, 2],
    [1, 1],
  ]);
  expect(paragraphs([])).toEqual([]);
});

it('knows the line of a moment', () => {
  const lines = [line(1, 2), line(2, 5), line(1, 9)];
  expect([0, 2_000, 4_999, 5_000, 99_000].map((at) => lineAt(lines, at)?.line ?? null)).toEqual([
    null,
    2,
    2,
    5,
    9,
  ]);
});

describe('finding', () => {
  it('cuts a line at the words', () => {
    expect(pieces('Maps, and more maps', ' MAPS ')).toEqual([
      { said: 'Maps', found: true },
      { said: ', and more ', found: false },
      { said: 'maps', found: true },
    ]);
    expect(pieces('Карты мира', 'карт')).toEqual([
      { said: 'Карт', found: true },
      { said: 'ы мира', found: false },
    ]);
    expect(pieces('Maps', '')).toEqual([{ said: 'Maps', found: false }]);
    expect(pieces('Maps', 'x')).toEqual([{ said: 'Maps', found: false }]);
    // A letter that is longer in lower case.
    expect(pieces('İstanbul maps', 'maps')).toEqual([{ said: 'İstanbul maps', found: true }]);
  });

  it('leaves the lines that have them', () => {
    const lines = [line(1, 0, 'On maps.'), line(2, 1, 'On trees.')];
    expect(finds(lines, 'MAP').map(({ n }) => n)).toEqual([1]);
    expect(finds(lines, '  ')).toEqual([]);
  });
});

describe('quotes', () => {
  const long = (n: number, from: number, more = 0) => line(n, from, `A${'b'.repeat(70 + more)}.`);

  it('are whole sentences of a readable length', () => {
    const not = [
      line(1, 0, 'Short.'),
      line(1, 1, `and ${'b'.repeat(80)}.`),
      line(1, 2, `A${'b'.repeat(80)},`),
      line(1, 3, `A${'b'.repeat(300)}.`),
    ];
    expect(quotes([...not, long(1, 5)]).map((one) => one.line)).toEqual([5]);
    expect(quotes([])).toEqual([]);
  });

  it('are of everybody before they are twice of one', () => {
    const lines = [long(1, 0, 9), long(1, 1, 8), long(1, 2, 7), long(2, 3), long(3, 4, 1)];
    expect(quotes(lines, 3).map((one) => one.line)).toEqual([0, 3, 4]);
    expect(quotes(lines, 4).map((one) => one.line)).toEqual([0, 1, 3, 4]);
    expect(quotes(lines, 9)).toHaveLength(5);
  });
});
