/** Moments of a replay as clocks and as addresses. Pure. Times are milliseconds from the beginning of the recording. */

import { asClock } from '$lib/room/chatter';

/** A moment as a player shows it: "1:23", "1:02:03". */
export function clock(ms: number): string {
  return asClock(Math.max(0, Math.floor(ms / 1_000)));
}

/** The moment that the fragment of an address names (`#t=83`, `#t=1:23`; W3C Media Fragments), or null. */
export function momentOf(hash: string): number | null {
  const given = new URLSearchParams(hash.replace(/^#/, '')).get('t');
  // The end of a range is of no use here: what is played goes on.
  const found = /^(?:npt:)?(?:(?:(\d{1,3}):)?(\d{1,2}):)?(\d{1,6}(?:\.\d{1,3})?)(?:,|$)/.exec(given ?? '');
  if (!found) return null;
  const [hours, minutes, seconds] = [found[1], found[2], found[3]].map((part) => Number(part ?? 0));
  return Math.round((hours! * 3_600 + minutes! * 60 + seconds!) * 1_000);
}

/** The fragment of an address that names a moment, to the second. */
export function hashOf(ms: number): string {
  return `#t=${Math.max(0, Math.floor(ms / 1_000))}`;
}

/** Hours, minutes and seconds of a length; what is nought is null, unless all of it is. */
export function parts(ms: number): {
  hours: number | null;
  minutes: number | null;
  seconds: number | null;
} {
  const whole = Math.max(0, Math.round(ms / 1_000));
  const some = (n: number) => (n === 0 ? null : n);
  const seconds = whole % 60;
  return {
    hours: some(Math.floor(whole / 3_600)),
    minutes: some(Math.floor(whole / 60) % 60),
    seconds: whole === 0 ? 0 : some(seconds),
  };
}
