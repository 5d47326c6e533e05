/** Guests of one room, who come by a link and have no account, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { Page } from './people';
import { asked, type OwnTrack } from './replays';
import type { components } from './schema';

type Schemas = components['schemas'];

/** What a link that is not used yet says of itself. */
export type GuestInvitation = Answer<Schemas['GuestInvitation']>;
/** The same as a link shows it: with the room, for a member who may come in as themselves. */
export type ShownGuestLink = Answer<Schemas['ShownGuestLink']>;
/** A link that this browser has used. */
export type GuestSession = Answer<Schemas['GuestSession']>;
/** A link that was just made: it is shown once. */
export type GuestLink = Answer<Schemas['GuestLink']>;
/** Where a guest stands: has not opened the link, has, waits to be let in, is in the room. */
export type GuestState = Schemas['GuestState'];
/** A link as the moderators of its room see it. */
export type GuestPass = Answer<Schemas['RoomGuest']>;
export type NewGuest = Schemas['NewGuestLink'];

const id = encodeURIComponent;
const of = (room: string) => `/api/rooms/${id(room)}/guests`;

export const guests = {
  invite: (room: string, guest: NewGuest) => api.json<GuestLink>('POST', of(room), guest),
  passes: async (room: string) => (await api.json<{ items: GuestPass[] }>('GET', of(room))).items,
  revoke: (room: string, guest: string) => api.json<void>('DELETE', `${of(room)}/${id(guest)}`),

  /** What a link says; `guest_link_not_found` for one that cannot be used, whatever the reason. */
  look: (code: string) => api.json<ShownGuestLink>('GET', `/api/guest-links/${id(code)}`),
  /** Uses a link, once: from now on this browser is the guest. */
  use: (code: string) => api.json<GuestSession>('POST', `/api/guest-links/${id(code)}`),
  /** What was recorded of whoever came by a link; `guest_link_not_found` if nothing was. */
  tracks: (code: string, after: string | null) =>
    api.json<Page<OwnTrack>>('GET', `/api/guest-links/${id(code)}/tracks${asked({ after })}`),
  /** Whose guest this browser is; `not_signed_in` when it is nobody's. */
  current: () => api.json<GuestSession>('GET', '/api/guest'),
  /** Leaves, and ends the pass. */
  end: () => api.json<void>('DELETE', '/api/guest'),
};
