/** Notices by the day on which they came. */

import type { Notice } from '$lib/api/hallway';

export interface Day {
  /** Midnight of the day in the reader's time zone, in ms since 1970. */
  at: number;
  notices: Notice[];
}

/** Groups notices, which come newest first, by day. */
export function byDay(notices: Notice[]): Day[] {
  const days: Day[] = [];
  for (const notice of notices) {
    const at = new Date(notice.at).setHours(0, 0, 0, 0);
    const last = days.at(-1);
    if (last?.at === at) last.notices.push(notice);
    else days.push({ at, notices: [notice] });
  }
  return days;
}
