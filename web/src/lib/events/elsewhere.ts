/** What the clock of an event shows, where its date was chosen in another zone than the reader's. */

import type { Dates } from '$lib/text/dates';
import { agree } from './zones';

export interface Elsewhere {
  /** The time of day there, with its day where that is another one. */
  clock: string;
  /** What the zone is called. */
  zone: string;
}

/**
 * Null where both clocks show the same, and where nobody chose a zone ('': the date was agreed upon in an invitation, each side by
 * its own clock). `dates` are the reader's, in their zone `own`.
 */
export function elsewhere(at: number, zone: string, own: string, dates: Dates): Elsewhere | null {
  if (zone === '' || agree(zone, own, at)) return null;
  const there = dates.in(zone);
  return {
    clock: dates.day(at) === there.day(at) ? there.clock(at) : there.moment(at),
    zone: zone === 'UTC' ? zone : there.zone(at),
  };
}
