/** What somebody has put into the fields for a date, or for times to choose from. */

import { instantOf, type Wall } from './zones';

/** So many times can be asked about (docs/PROTOCOL.md). */
export const LEAST_TIMES = 2;
export const MOST_TIMES = 10;

/** Why a date or times cannot be sent: a key of `text.events.form`. */
export type Missing = 'incomplete' | 'past' | 'fewTimes';

/** When it is, or what is wrong with it. */
export function readDate(wall: Wall, zone: string, now: number): number | Missing {
  const at = instantOf(wall, zone);
  if (at === null) return 'incomplete';
  return at > now ? at : 'past';
}

/** The times in order, each once, or what is wrong with them. */
export function readTimes(walls: Wall[], zone: string, now: number): number[] | Missing {
  const times: number[] = [];
  for (const wall of walls) {
    const at = readDate(wall, zone, now);
    if (typeof at !== 'number') return at;
    if (!times.includes(at)) times.push(at);
  }
  return times.length < LEAST_TIMES ? 'fewTimes' : times.sort((one, other) => one - other);
}
