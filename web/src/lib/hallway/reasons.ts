/** Why a room stands where it stands, in words. */

import type { Reason } from '$lib/api/hallway';
import { firstName } from '$lib/people/pattern';
import { names, text } from '$lib/text';

/** As many names as fit into the quiet line under a room. */
const IN_LINE = 2;

/** A reason in one line, with the first names of a few people. */
export function shortReason(reason: Reason): string {
  const words = text.hallway.reasons;
  switch (reason.type) {
    case 'followed_on_stage':
      return words.onStage(listed(reason, IN_LINE), reason.count);
    case 'followed_listening':
      return words.listening(listed(reason, IN_LINE), reason.count);
    case 'house':
      return words.house(reason.house.name);
    case 'language':
      return words.language;
    case 'topic':
      return words.topic(reason.topic);
  }
}

/** The same with everybody whom the server named. */
export function fullReason(reason: Reason): string {
  const words = text.hallway.reasons;
  switch (reason.type) {
    case 'followed_on_stage':
      return words.onStage(listed(reason, reason.people.length), reason.count);
    case 'followed_listening':
      return words.listening(listed(reason, reason.people.length), reason.count);
    default:
      return shortReason(reason);
  }
}

/** Whether there is more to say than the one line says. */
export function hasMore(reasons: Reason[]): boolean {
  const [first, second] = reasons;
  return first !== undefined && (second !== undefined || shortReason(first) !== fullReason(first));
}

function listed({ people, count }: Extract<Reason, { count: number }>, most: number): string {
  // One more name is shorter than "and 1 more".
  const shown = people.length === count && count === most + 1 ? count : most;
  return names(
    people.slice(0, shown).map((person) => firstName(person.name)),
    count,
  );
}
