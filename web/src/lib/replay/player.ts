/** What a player of replays decides: speeds, silences, where to go on, and what a clip is made of. Pure. Times are in ms. */

import { pairs } from './picture';

export const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2, 2.5] as const;

/** So much of a silence is left when it is skipped, so that sentences do not run into each other. */
const LEFT_BEFORE = 350;
const LEFT_AFTER = 250;
/** A skip that gains less is not worth the gap that it makes. */
const LEAST_SKIP = 500;

/** Where to go on when silences are skipped; null where nothing is to be skipped. */
export function afterSilence(silences: readonly (readonly number[])[], ms: number): number | null {
  for (const [from, to] of pairs(silences)) {
    if (from > ms) return null;
    const target = to - LEFT_AFTER;
    if (ms >= from + LEFT_BEFORE && target - ms >= LEAST_SKIP) return target;
  }
  return null;
}

/** How long a replay takes at a speed, and without silences if they are skipped. */
export function playingTime(
  ms: number,
  speed: number,
  silences: readonly (readonly number[])[] | null,
): number {
  let spared = 0;
  for (const [from, to] of pairs(silences ?? [])) {
    const gained = to - from - LEFT_BEFORE - LEFT_AFTER;
    if (gained >= LEAST_SKIP) spared += gained;
  }
  return (ms - spared) / speed;
}

/** The speed after the one in use, and after the last the first. */
export function nextSpeed(speed: number, by: 1 | -1): number {
  const at = SPEEDS.findIndex((one) => one >= speed);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? SPEEDS.length - 1 : at) + by))]!;
}

/** What of browsers' storage is used. */
type Kept = Pick<Storage, 'getItem' | 'setItem'>;

/** Where somebody stopped in replays, kept on this device: of the last {@link MOST_PLACES}. */
export class Places {
  private static readonly KEY = 'roomtone.replays';

  constructor(private readonly kept: Kept | null) {}

  /** Where to go on in a replay; 0 where it is not known, or nothing of it is left. */
  of(replay: string): number {
    return this.all().find(([id]) => id === replay)?.[1] ?? 0;
  }

  /** Keeps where somebody is in a replay of a length. The very beginning and the very end are not places to go on from. */
  keep(replay: string, ms: number, length: number): void {
    const others = this.all().filter(([id]) => id !== replay);
    const worth = ms >= EDGE && ms <= length - EDGE;
    const list = worth ? [...others, [replay, Math.round(ms)] as const] : others;
    try {
      this.kept?.setItem(Places.KEY, JSON.stringify(list.slice(-MOST_PLACES)));
    } catch {
      // Storage can be refused, or be full: then the replay begins at its beginning next time.
    }
  }

  private all(): (readonly [string, number])[] {
    try {
      const list: unknown = JSON.parse(this.kept?.getItem(Places.KEY) ?? '[]');
      return Array.isArray(list) ? list.filter(isPlace) : [];
    } catch {
      return [];
    }
  }
}

const MOST_PLACES = 100;
/** This close to either end is at it. */
const EDGE = 10_000;

function isPlace(one: unknown): one is readonly [string, number] {
  return Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'number' && one[1] >= 0;
}

/** The shortest and the longest clip (docs/PROTOCOL.md). */
export const SHORTEST_CLIP = 1_000;
export const LONGEST_CLIP = 60_000;
/** How long a clip is that begins as a guess. */
const FIRST_CLIP = 20_000;

/** The part of a replay of which a clip is made. */
export interface Part {
  from: number;
  to: number;
}

/** What is offered for a clip: what was just heard, or the part around a moment where nothing was. */
export function firstPart(ms: number, length: number): Part {
  const to = Math.min(length, Math.max(ms, Math.min(FIRST_CLIP, length)));
  return { from: Math.max(0, to - FIRST_CLIP), to };
}

/** The part after one of its ends was moved: it stays within the replay, and the other end follows where it must. */
export function moved(part: Part, end: 'from' | 'to', ms: number, length: number): Part {
  const shortest = Math.min(SHORTEST_CLIP, length);
  if (end === 'from') {
    const from = Math.min(Math.max(0, ms), length - shortest);
    return { from, to: Math.min(length, Math.min(from + LONGEST_CLIP, Math.max(part.to, from + shortest))) };
  }
  const to = Math.max(Math.min(length, ms), shortest);
  return { from: Math.max(0, Math.max(to - LONGEST_CLIP, Math.min(part.from, to - shortest))), to };
}

/** The stretch of a replay that is shown while a part of it is chosen. */
export function around(part: Part, length: number): Part {
  const middle = (part.from + part.to) / 2;
  const wide = Math.min(length, 2 * LONGEST_CLIP);
  const from = Math.min(Math.max(0, middle - wide / 2), length - wide);
  return { from, to: from + wide };
}

/** What is asked of a player. `play` is one button for both, `begin` and `pause` mean what they say. */
export type Deed =
  | 'play'
  | 'begin'
  | 'pause'
  | 'back'
  | 'on'
  | 'next'
  | 'previous'
  | 'faster'
  | 'slower'
  | 'silence'
  | 'chapter'
  | 'chapter_back';

const DEEDS: Record<string, Deed> = {
  ' ': 'play',
  k: 'play',
  j: 'back',
  arrowleft: 'back',
  l: 'on',
  arrowright: 'on',
  n: 'next',
  p: 'previous',
  '>': 'faster',
  '<': 'slower',
  s: 'silence',
  ']': 'chapter',
  '[': 'chapter_back',
};

/** What a key asks for, or null. Where the layout has no Latin letters, the place of the key counts. */
export function deedOf({ key, code }: Pick<KeyboardEvent, 'key' | 'code'>): Deed | null {
  const letter = key.toLowerCase();
  if (Object.hasOwn(DEEDS, letter)) return DEEDS[letter]!;
  const place = /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
  const latin = /^[a-z]$/.test(letter);
  return place !== undefined && !latin && letter.length === 1 ? (DEEDS[place] ?? null) : null;
}
