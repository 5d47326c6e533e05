/** A list of events as a page shows it: what is on now, then day by day, and those without a date. */

import type { EventCard } from '$lib/api/events';

export interface Day {
  /** Midnight of the day in the reader's time zone, in ms since 1970. */
  at: number;
  events: EventCard[];
}

export interface Shelves {
  live: EventCard[];
  /** By the day on which they begin for the reader. */
  days: Day[];
  undated: EventCard[];
}

/** Puts events, which come by their dates, in their places. */
export function shelve(events: EventCard[]): Shelves {
  const shelves: Shelves = { live: [], days: [], undated: [] };
  for (const event of events) {
    if (event.state === 'live') shelves.live.push(event);
    else if (event.starts_at === null) shelves.undated.push(event);
    else {
      const at = midnight(event.starts_at);
      const last = shelves.days.at(-1);
      if (last?.at === at) last.events.push(event);
      else shelves.days.push({ at, events: [event] });
    }
  }
  return shelves;
}

/** Which day it is for the reader, counted from today: 0 is today, 1 is tomorrow. */
export function daysAhead(at: number, now: number): number {
  // A day has 23 to 25 hours.
  return Math.round((midnight(at) - midnight(now)) / 86_400_000);
}

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}
