/** What goes on around the talk, as data: the backchannel, reactions, captions, taps. Pure: no clock, no network, no DOM. */

import type { Caption, Chatter, Line, Reaction, ReactionCount } from '$lib/protocol/types';

/** All reactions, in the order in which they are offered; the digits 1 to 5 send them. */
export const REACTIONS: readonly Reaction[] = ['applause', 'heart', 'laugh', 'agree', 'surprise'];
/** The longest line of the backchannel, in characters (docs/PROTOCOL.md). */
export const LONGEST_LINE = 500;
/** So many lines are kept; the oldest go. */
const KEPT_LINES = 200;
/** The server takes no line sooner than this, in ms, after one's last. */
export const LEAST_GAP = 700;
/** Presses of the closed microphone within {@link TAP_WINDOW} ms that make applause. */
const TAPS = 3;
const TAP_WINDOW = 1_000;
/** For how long, in ms, a caption stays. */
export const CAPTION_STAYS = 8_000;
/** Most captions shown at once, of different sentences or speakers. */
const CAPTIONS_SHOWN = 3;

/** The lines after a message, oldest first. */
export function foldLines(
  lines: Line[],
  { lines: fresh, removed }: Pick<Chatter, 'lines' | 'removed'>,
): Line[] {
  const gone = new Set(removed);
  const newest = lines.at(-1)?.id ?? 0;
  // A line that a snapshot had already is not shown twice.
  return [...lines, ...fresh.filter((line) => line.id > newest)]
    .filter((line) => !gone.has(line.id))
    .slice(-KEPT_LINES);
}

/** How long, in ms from `now`, one has to wait in slow mode after a line written at `wrote`. It does not bind moderators. */
export function slowWait(wrote: number, slowSeconds: number, moderator: boolean, now: number): number {
  return moderator ? 0 : Math.max(0, wrote + slowSeconds * 1_000 - now);
}

/** What was said, and by whom, until it is old. */
export interface ShownCaption {
  /** Of the sentence, so that a list can follow it while it grows. */
  key: number;
  number: number;
  text: string;
  language: string;
  done: boolean;
  at: number;
}

/** The captions to show after some that came at `now` (ms). A caption replaces its speaker's last until one is done. */
export function foldCaptions(shown: ShownCaption[], fresh: Caption[], now: number): ShownCaption[] {
  let next = freshCaptions(shown, now);
  for (const caption of fresh) {
    const last = next.findLast((one) => one.number === caption.number);
    if (last && !last.done) {
      next = next.map((one) => (one === last ? { ...one, ...caption, at: now } : one));
    } else {
      const key = Math.max(0, ...shown.map((one) => one.key), ...next.map((one) => one.key)) + 1;
      next = [...next, { ...caption, key, at: now }];
    }
  }
  return next.filter((one) => one.text !== '').slice(-CAPTIONS_SHOWN);
}

/** Those that are not old at `now`; the same list when none is. */
export function freshCaptions(shown: ShownCaption[], now: number): ShownCaption[] {
  const fresh = shown.filter((one) => now - one.at < CAPTION_STAYS);
  return fresh.length === shown.length ? shown : fresh;
}

/** Adds counts of reactions to others. */
export function addCounts(into: Map<Reaction, number>, counts: ReactionCount[]): void {
  for (const { kind, count } of counts) into.set(kind, (into.get(kind) ?? 0) + count);
}

/** Knows applause from single presses of a microphone button. */
export class Taps {
  private presses: number[] = [];

  /** Notes a press at `now` (ms). Whether it completes applause. */
  press(now: number): boolean {
    this.presses = [...this.presses.filter((at) => now - at < TAP_WINDOW), now];
    if (this.presses.length < TAPS) return false;
    this.presses = [];
    return true;
  }
}

/** Whole seconds until `until`, by a clock that reads `now`; 0 when it is over. Both in ms. */
export function secondsLeft(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 1_000));
}

/** Seconds as a clock shows them: 4:05, or 1:00:00. */
export function asClock(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The host of an address, as it is read by people; the address itself when it has none. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host || url;
  } catch {
    return url;
  }
}

/** Whether an address may be followed: the server takes no other, and a page must not either. */
export function isWebAddress(url: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}
