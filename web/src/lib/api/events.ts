/** Events, their feeds and the member's calendar, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { Page } from './people';
import type { components } from './schema';

type Schemas = components['schemas'];

/** An event in a list. Times are milliseconds since 1970. */
export type EventCard = Answer<Schemas['EventCard']>;
/** An event on its own page. */
export type Event = Answer<Schemas['Event']>;
export type EventAct = Schemas['EventAct'];
export type EventHappened = Answer<Schemas['EventHappened']>;
/** A time that people may choose. */
export type PollTime = Answer<Schemas['PollTime']>;
export type NewEvent = Schemas['NewEvent'];

/** What can be set about an event. */
export type EventText = Pick<
  Event,
  'title' | 'about' | 'language' | 'topics' | 'kind' | 'minutes' | 'recurrence'
>;

/** Which events a list is of: everybody's, those around the member, those they host, those they are told of; of a house or a person. */
export type EventsOf =
  { box: 'all' | 'upcoming' | 'mine' | 'subscribed' } | { house: string } | { person: string };

const id = encodeURIComponent;
const of = (event: string) => `/api/events/${id(event)}`;

export const events = {
  /** Those that are not over: by their dates, those without one last. `dated` leaves one kind of them out. */
  list: (which: EventsOf, after: string | null, dated?: boolean) => {
    const query = new URLSearchParams(which);
    if (dated !== undefined) query.set('dated', String(dated));
    if (after !== null) query.set('after', after);
    return api.json<Page<EventCard>>('GET', `/api/events?${query}`);
  },
  /** Those that took place, the last first. */
  past: (which: EventsOf, after: string | null) => {
    const query = new URLSearchParams({ ...which, past: 'true' });
    if (after !== null) query.set('after', after);
    return api.json<Page<EventCard>>('GET', `/api/events?${query}`);
  },
  get: (event: string) => api.json<Event>('GET', of(event)),
  make: (event: NewEvent) => api.json<Event>('POST', '/api/events', event),
  change: (event: string, text: Partial<EventText>) => api.json<Event>('PATCH', of(event), text),

  /** Gives it a date or moves it. */
  date: (event: string, starts_at: number, time_zone: string) =>
    api.json<Event>('POST', `${of(event)}/date`, { starts_at, time_zone }),
  /** Takes its date back. */
  undate: (event: string) => api.json<Event>('POST', `${of(event)}/date`, { starts_at: null }),
  /** Calls it off; with `series`, all that would come after it too. */
  cancel: (event: string, reason: string, series: boolean) =>
    api.json<void>('POST', `${of(event)}/cancel`, { reason, series }),
  /** Opens its room. */
  open: (event: string) => api.json<Schemas['RoomCreated']>('POST', `${of(event)}/room`),

  subscribe: (event: string, going: boolean) => api.json<void>('PUT', `${of(event)}/subscription`, { going }),
  unsubscribe: (event: string) => api.json<void>('DELETE', `${of(event)}/subscription`),

  /** Asks which of these times suits; none ends the asking. */
  ask: (event: string, times: number[]) => api.json<Event>('PUT', `${of(event)}/poll`, { times }),
  vote: (event: string, times: number[]) => api.json<void>('PUT', `${of(event)}/poll/votes`, { times }),

  askCohost: (event: string, handle: string) => api.json<void>('PUT', `${of(event)}/cohosts/${id(handle)}`),
  removeCohost: (event: string, handle: string) =>
    api.json<void>('DELETE', `${of(event)}/cohosts/${id(handle)}`),
  acceptCohost: (event: string) => api.json<Event>('POST', `${of(event)}/cohost`),
  /** Says no to hosting it too, or does not any more. */
  leaveCohost: (event: string) => api.json<void>('DELETE', `${of(event)}/cohost`),

  /** Since when the member's calendar has an address. */
  calendar: () => api.json<Answer<Schemas['Calendar']>>('GET', '/api/me/calendar'),
  /** Makes a new address in place of the old; it is shown this once. */
  makeCalendar: () => api.json<Schemas['CalendarAddress']>('POST', '/api/me/calendar'),
  endCalendar: () => api.json<void>('DELETE', '/api/me/calendar'),
};
