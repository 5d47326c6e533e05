/** Days of events in words, in the language in use. */

import { dates, text } from '$lib/text';
import { daysAhead } from './shelves';

/** "today", "tomorrow", or the day in few letters. */
export function briefDay(at: number): string {
  return nearDay(at) ?? dates.brief(at);
}

/** "today" or "tomorrow"; null for other days. */
export function nearDay(at: number): string | null {
  const ahead = daysAhead(at, Date.now());
  return ahead === 0 ? text.events.today : ahead === 1 ? text.events.tomorrow : null;
}
