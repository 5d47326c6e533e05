/** Which of the events around a member stand in the hallway, where there is room for a few. */

import type { EventCard } from '$lib/api/events';

/** As many as stand there, and how many of them at most are without a date where there are dated ones too. */
const SHOWN = 5;
const UNDATED = 2;

/** The next ones, which come by their dates; those without a date have places of their own, since otherwise none would ever be seen. */
export function choose(dated: EventCard[], undated: EventCard[]): EventCard[] {
  const without = undated.slice(0, Math.max(UNDATED, SHOWN - dated.length));
  return [...dated.slice(0, SHOWN - without.length), ...without];
}
