import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/client';
import type { Found } from '$lib/api/people';
import { Finder, PAUSE } from './finder';
import { MOST_RECENT, Recent, type Store } from './recent';

const NOTHING: Found = { people: [], houses: [], rooms: [], events: [], invitations: [], replays: [] };

function setup() {
  const asked: { words: string; answer: (found: Found) => void; fail: (error: Error) => void }[] = [];
  const told: string[] = [];
  const finder = new Finder(
    (words) =>
      new Promise((answer, fail) => {
        asked.push({ words, answer, fail });
      }),
    (outcome) => told.push(outcome.kind === 'nothing' ? 'nothing' : `${outcome.kind} ${outcome.words}`),
    (busy) => told.push(busy ? 'busy' : 'idle'),
  );
  const settle = () => vi.advanceTimersByTimeAsync(0);
  return { finder, asked, told, settle };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('searching', () => {
  it('asks once the typing pauses', () => {
    const { finder, asked } = setup();
    for (const text of ['a', 'ad', ' ada ']) {
      finder.typed(text);
      vi.advanceTimersByTime(PAUSE - 1);
    }
    expect(asked).toHaveLength(0);
    vi.advanceTimersByTime(1);
    expect(asked.map((one) => one.words)).toEqual(['ada']);
    finder.typed('ada  ');
    vi.advanceTimersByTime(PAUSE);
    expect(asked).toHaveLength(1);
  });

  it('never shows an older answer after a newer question', async () => {
    const { finder, asked, told, settle } = setup();
    void finder.now('ad');
    void finder.now('ada');
    asked[1]!.answer(NOTHING);
    await settle();
    asked[0]!.answer(NOTHING);
    await settle();
    expect(told).toEqual(['busy', 'busy', 'idle', 'found ada']);
  });

  it('shows nothing when the field is emptied, whatever comes in later', async () => {
    const { finder, asked, told, settle } = setup();
    void finder.now('ada');
    finder.typed('  ');
    asked[0]!.answer(NOTHING);
    await settle();
    expect(told).toEqual(['busy', 'idle', 'nothing']);
  });

  it('says why there is no answer, and asks again for the same words', async () => {
    const { finder, asked, told, settle } = setup();
    void finder.now('ada');
    asked[0]!.fail(new ApiError('rate_limited', '', 429));
    await settle();
    finder.typed('ada');
    vi.advanceTimersByTime(PAUSE);
    expect(told).toEqual(['busy', 'idle', 'failed ada', 'busy']);
    expect(asked).toHaveLength(2);
  });
});

describe('what was looked for lately', () => {
  function memory(): Store & { kept: Map<string, string> } {
    const kept = new Map<string, string>();
    return {
      kept,
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    };
  }

  it('has the newest first, each once, and not too many', () => {
    const recent = new Recent('me', memory());
    for (let i = 0; i < MOST_RECENT + 2; i++) recent.add(`word ${i}`);
    recent.add(' WORD 4 ');
    recent.add('  ');
    expect(recent.list).toHaveLength(MOST_RECENT);
    expect(recent.list[0]).toBe('WORD 4');
    expect(recent.list.filter((word) => word.toLowerCase() === 'word 4')).toHaveLength(1);
  });

  it('is kept for one member, and forgotten when asked', () => {
    const store = memory();
    new Recent('me', store).add('ada');
    expect(new Recent('me', store).list).toEqual(['ada']);
    expect(new Recent('you', store).list).toEqual([]);
    new Recent('me', store).clear();
    expect(store.kept.size).toBe(0);
  });

  it.each(['{', '{"a":1}', '"x"', '[1,null,"ada"]'])('survives a store with %s in it', (text) => {
    const store = memory();
    store.setItem('roomtone.search.me', text);
    expect(new Recent('me', store).list).toEqual(text.startsWith('[') ? ['ada'] : []);
  });

  it('works without a store', () => {
    const recent = new Recent('me', null);
    recent.add('ada');
    expect(recent.list).toEqual(['ada']);
  });
});
