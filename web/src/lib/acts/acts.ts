/** Acts of moderators in words. */

import type { Act } from '$lib/api/acts';
import { text } from '$lib/text';

/** Kinds that the server does itself when nobody is named: others without a name were done by somebody who is gone. */
const BY_ITSELF: ReadonlySet<string> = new Set([
  'room_ended',
  'guest_ended',
  'moderator_made',
  'handed_over',
]);

/** What was done, for those who read the log of a room. A kind that is not known here is shown as it is. */
export function actInWords(act: Pick<Act, 'kind' | 'by' | 'whom'>): string {
  const words = text.acts;
  const by = act.by?.name ?? (BY_ITSELF.has(act.kind) ? words.system : words.moderator);
  const kinds: Record<string, ((by: string, whom: string) => string) | undefined> = words.kinds;
  return kinds[act.kind]?.(by, act.whom?.name ?? words.somebody) ?? act.kind;
}

/** The same for whom it was done to. */
export function ownActInWords(act: Pick<Act, 'kind' | 'by' | 'whom'>): string {
  const own: Record<string, ((by: string) => string) | undefined> = text.acts.onYou;
  return own[act.kind]?.(act.by?.name ?? text.acts.moderator) ?? actInWords(act);
}
