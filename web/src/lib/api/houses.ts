/** Houses, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import type { Person } from '$lib/protocol/types';
import { api, type RoomCard } from './client';
import type { Page } from './people';

export type HouseRole = 'none' | 'follower' | 'member' | 'admin';

/** A house in a list. */
export interface HouseCard {
  id: string;
  handle: string;
  name: string;
  about: string;
  language: string;
  private: boolean;
  nominated: boolean;
  members: number;
  /** What the viewer is in it. */
  role: HouseRole;
  /** Whether the viewer was nominated and an admin agreed, so that they may join. */
  invited: boolean;
}

export interface House extends HouseCard {
  rules: string;
  /** Whether the viewer has accepted the rules as they are now. */
  rules_seen: boolean;
  banned: boolean;
  created_at: number;
  rooms: RoomCard[];
}

export interface HouseMember {
  person: Person;
  role: HouseRole;
  since: number;
}

export interface Nomination {
  id: string;
  nominee: Person;
  nominator: Person | null;
  note: string;
  created_at: number;
}

/** What an admin of a house did there. */
export interface HouseRecord {
  id: string;
  at: number;
  /** Null for somebody whose account is gone, or who may not be seen. */
  actor: Person | null;
  act: string;
  about: Person | null;
  /** Why, in the actor's words; may be empty. */
  reason: string;
}

/** What can be set about a house. */
export interface HouseText {
  name: string;
  about: string;
  rules: string;
  language: string;
  private: boolean;
  nominated: boolean;
}

const id = encodeURIComponent;
const of = (house: string) => `/api/houses/${id(house)}`;
const page = (after: string | null) => (after === null ? '' : `?after=${id(after)}`);

export const houses = {
  list: (after: string | null) =>
    api.json<{ mine: HouseCard[]; items: HouseCard[]; next: string | null }>(
      'GET',
      `/api/houses${page(after)}`,
    ),
  make: (house: HouseText & { handle: string }) => api.json<House>('POST', '/api/houses', house),
  get: (house: string) => api.json<House>('GET', of(house)),
  change: (house: string, change: Partial<HouseText>) => api.json<House>('PATCH', of(house), change),
  /** Deletes it; the reason is for the log of the server. */
  remove: (house: string, reason: string) => api.json<void>('DELETE', of(house), { reason }),

  /** Joins, having accepted the rules; members accept changed rules by the same request. */
  join: (house: string) => api.json<void>('PUT', `${of(house)}/membership`, { rules_accepted: true }),
  leave: (house: string) => api.json<void>('DELETE', `${of(house)}/membership`),
  follow: (house: string, on: boolean) => api.json<void>(on ? 'PUT' : 'DELETE', `${of(house)}/follow`),

  members: (house: string, after: string | null) =>
    api.json<Page<HouseMember>>('GET', `${of(house)}/members${page(after)}`),
  setRole: (house: string, member: string, role: 'member' | 'admin') =>
    api.json<void>('PUT', `${of(house)}/members/${id(member)}`, { role }),
  /** Puts somebody out for good; the reason is for the log of the house. */
  ban: (house: string, member: string, reason: string) =>
    api.json<void>('DELETE', `${of(house)}/members/${id(member)}`, { reason }),
  bans: (house: string, after: string | null) =>
    api.json<Page<Person>>('GET', `${of(house)}/bans${page(after)}`),
  unban: (house: string, member: string) => api.json<void>('DELETE', `${of(house)}/bans/${id(member)}`),
  log: (house: string, after: string | null) =>
    api.json<Page<HouseRecord>>('GET', `${of(house)}/log${page(after)}`),

  nominate: (house: string, handle: string, note: string) =>
    api.json<{ accepted: boolean }>('POST', `${of(house)}/nominations`, { handle, note }),
  nominations: (house: string, after: string | null) =>
    api.json<Page<Nomination>>('GET', `${of(house)}/nominations${page(after)}`),
  answer: (house: string, nomination: string, accept: boolean) =>
    api.json<void>('POST', `${of(house)}/nominations/${id(nomination)}`, { accept }),
};
