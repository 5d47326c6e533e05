import { describe, expect, it } from 'vitest';
import { Route, type Played, type Way } from './route';

function shelf(): Pick<Storage, 'getItem' | 'setItem'> {
  const kept = new Map<string, string>();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

const played = (at: number, seconds: number, more: Partial<Played> = {}): Played => ({
  leg: 'one',
  at: at * 1_000,
  seconds,
  whole: true,
  ...more,
});

function listener(kept = shelf()) {
  const ways: Way[] = [];
  const route = new Route(kept, (way) => ways.push(way));
  route.onStage(false);
  return { route, ways, kept };
}

/** Hides the page for a while; what was played when it is hidden and when it is seen. */
function away(route: Route, before: Played | null, after: Played | null): Way {
  route.hide(before);
  const way = route.way;
  route.show(after);
  return way;
}

describe('the way of the sound', () => {
  it('is live until the member chooses, which is kept', () => {
    const { route, ways, kept } = listener();
    expect(route.way).toBe('live');
    route.choose(true);
    expect([route.way, route.byItself]).toEqual(['plain', false]);
    const { route: again } = listener(kept);
    expect(again.way).toBe('plain');
    route.choose(false);
    expect(ways).toEqual(['plain', 'live']);
    expect(listener(kept).route.way).toBe('live');
  });

  it('is live on stage, and before it is known who is there', () => {
    const kept = shelf();
    new Route(kept, () => undefined).choose(true);
    const ways: Way[] = [];
    const route = new Route(kept, (way) => ways.push(way));
    expect(route.way).toBe('live');
    route.onStage(false);
    route.onStage(true);
    route.hide(null);
    route.onStage(false);
    expect(ways).toEqual(['plain', 'live', 'plain']);
  });

  it('is the plain one while the page is hidden, where live sound has been halted once', () => {
    const { route, ways, kept } = listener();
    expect(away(route, played(0, 10), played(60, 12))).toBe('live');
    expect(route.halts).toBe(true);
    expect(away(route, played(70, 20), null)).toBe('plain');
    expect(route.way).toBe('live');
    const { route: again } = listener(kept);
    again.hide(null);
    expect([again.way, again.byItself]).toEqual(['plain', true]);
    expect(ways).toEqual(['plain', 'live']);
  });

  it.each<[string, Played | null, Played | null]>([
    ['the sound went on', played(0, 10), played(60, 69)],
    ['it was not for long', played(0, 10), played(4, 10)],
    ['it is another leg', played(0, 10), played(60, 1, { leg: 'two' })],
    ['there was nothing to hear before', null, played(60, 0)],
    ['there is nothing to hear now', played(0, 10), null],
    ['it did not play before', played(0, 10, { whole: false }), played(60, 10)],
  ])('says nothing of this device when %s', (_, before, after) => {
    const { route } = listener();
    away(route, before, after);
    expect(route.halts).toBe(false);
  });

  it('takes an element that the system has paused for halted', () => {
    const { route } = listener();
    away(route, played(0, 10), played(60, 60, { whole: false }));
    expect(route.halts).toBe(true);
  });

  it('is live again when the stream cannot be played, until the page is hidden once more', () => {
    const { route } = listener();
    away(route, played(0, 10), played(60, 12));
    route.hide(null);
    route.plainFails();
    expect(route.way).toBe('live');
    route.show(null);
    route.hide(null);
    expect(route.way).toBe('plain');
    // Whoever has chosen it gets it, whatever it takes.
    route.show(null);
    route.choose(true);
    route.plainFails();
    expect(route.way).toBe('plain');
  });

  it('forgets what a device did when the member does not want the stream', () => {
    const { route } = listener();
    away(route, played(0, 10), played(60, 12));
    route.choose(true);
    route.choose(false);
    expect(away(route, null, null)).toBe('live');
  });

  it('does without a browser that keeps anything', () => {
    const refuses = () => {
      throw new Error('no');
    };
    const route = new Route({ getItem: refuses, setItem: refuses }, () => undefined);
    route.onStage(false);
    route.choose(true);
    expect(route.way).toBe('plain');
  });
});
