/** What a notice says, in the language in use. */

import type { Notice } from '$lib/api/hallway';
import { dates, text } from '$lib/text';

export function told(notice: Notice): string {
  const words = text.inbox;
  const { change, starts_at } = notice.event ?? { change: null, starts_at: null };
  if (change === 'dated' || change === 'moved' || change === 'announced') {
    // It may have been taken back since; the newer notice says so.
    if (starts_at !== null) return words.events[change](notice.body, dates.moment(starts_at));
  } else if (change !== null) {
    return words.events[change](notice.body);
  }
  const kinds = words.kinds as Record<string, ((who: string, body: string) => string) | undefined>;
  return kinds[notice.kind]?.(notice.actor?.name ?? words.somebody, notice.body) ?? words.other;
}
