/** The call-ups that the viewer made and nobody has answered. Pure. */

import type { CallUp, Events } from '$lib/protocol/types';

/**
 * `list` after a batch of events, for the viewer whose member id is `me`, at the time `now` (ms since 1970). They are told
 * how each ends; that somebody came, or that the time is over, shows as well.
 */
export function ownCallUps(list: CallUp[], batch: Events | null, me: string, now: number): CallUp[] {
  for (const { event } of batch?.events ?? []) {
    if (event.type === 'called_up' && event.by === me) {
      const { person, by, context, until } = event;
      list = [...without(list, person.id), { person, by, context, until }];
    } else if (event.type === 'call_up_ended') {
      list = without(list, event.member);
    } else if (event.type === 'entered') {
      list = without(list, event.person.id);
    }
  }
  return list.every(({ until }) => until > now) ? list : list.filter(({ until }) => until > now);
}

/** `list` without the one of a member. */
export function without(list: CallUp[], member: string): CallUp[] {
  return list.filter(({ person }) => person.id !== member);
}
