import { describe, expect, it } from 'vitest';
import type { Caption, Line } from '$lib/protocol/types';
import {
  asClock,
  foldCaptions,
  foldLines,
  freshCaptions,
  hostOf,
  isWebAddress,
  secondsLeft,
  Taps,
  slowWait,
} from './chatter';

function line(id: number): Line {
  const person = { id: 'id-ada', handle: 'ada', name: 'Ada', avatar: null, bot: false };
  return { id, person, text: `line ${id}`, at: id };
}

const caption = (number: number, text: string, done = false): Caption => ({
  number,
  text,
  language: 'en',
  done,
});
const ids = (lines: Line[]) => lines.map(({ id }) => id);

describe('the backchannel', () => {
  it('takes new lines once, and drops removed ones, also within one message', () => {
    const lines = foldLines([line(1), line(2)], { lines: [line(2), line(3), line(4)], removed: [1, 4] });
    expect(ids(lines)).toEqual([2, 3]);
  });

  it('keeps the newest two hundred', () => {
    const many = Array.from({ length: 150 }, (_, n) => line(n + 1));
    const more = Array.from({ length: 150 }, (_, n) => line(n + 151));
    const lines = foldLines(many, { lines: more, removed: [] });
    expect([lines.length, lines[0]!.id, lines.at(-1)!.id]).toEqual([200, 101, 300]);
  });

  it('slows everybody but moderators down', () => {
    expect(slowWait(1_000, 30, false, 11_000)).toBe(20_000);
    expect(slowWait(1_000, 30, true, 1_500)).toBe(0);
    expect(slowWait(1_000, 30, false, 31_000)).toBe(0);
  });
});

describe('captions', () => {
  it('replace what their speaker said last until that is done', () => {
    let shown = foldCaptions([], [caption(1, 'good'), caption(2, 'yes')], 0);
    shown = foldCaptions(shown, [caption(1, 'good evening', true)], 100);
    shown = foldCaptions(shown, [caption(1, 'and')], 200);
    expect(shown.map(({ number, text }) => [number, text])).toEqual([
      [1, 'good evening'],
      [2, 'yes'],
      [1, 'and'],
    ]);
    expect(new Set(shown.map(({ key }) => key)).size).toBe(3);
  });

  it('go when they are old', () => {
    const shown = foldCaptions([], [caption(1, 'one')], 0);
    expect(freshCaptions(shown, 7_999)).toBe(shown);
    expect(freshCaptions(shown, 8_000)).toEqual([]);
  });
});

describe('taps', () => {
  it('make applause when there are three within a second, and then begin anew', () => {
    const taps = new Taps();
    expect([0, 400, 1_100, 1_300, 1_350].map((at) => taps.press(at))).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
  });
});

describe('the timer and links', () => {
  it('counts down by whole seconds and stops at nothing', () => {
    expect([secondsLeft(10_000, 9_001), secondsLeft(10_000, 10_001)]).toEqual([1, 0]);
    expect([5, 65, 3_600].map(asClock)).toEqual(['0:05', '1:05', '1:00:00']);
  });

  it('names the host, and follows nothing but web addresses', () => {
    expect(hostOf('https://example.org:8443/a?b')).toBe('example.org:8443');
    expect(['https://a.example', 'javascript:alert(1)', 'nothing'].map(isWebAddress)).toEqual([
      true,
      false,
      false,
    ]);
  });
});
