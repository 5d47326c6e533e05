/** An event for tests. */

import type { EventCard } from '$lib/api/events';

export function cardOf(about: Partial<EventCard> & Pick<EventCard, 'id'>): EventCard {
  return {
    title: about.id,
    language: 'en',
    topics: [],
    host: { id: 'h', handle: 'ada', name: 'Ada', avatar: null },
    cohosts: [],
    house: null,
    invitation: null,
    kind: 'open',
    state: about.starts_at == null ? 'agreed' : 'dated',
    starts_at: null,
    minutes: 60,
    time_zone: '',
    recurrence: 'none',
    room: null,
    subscribers: 1,
    going: 0,
    subscription: null,
    created_at: 0,
    changed_at: 0,
    ...about,
  };
}
