/** Invites and the waiting list, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import type { Person } from '$lib/protocol/types';
import { api } from './client';

export type InviteState = 'open' | 'used' | 'expired' | 'revoked';

/** An invite as its maker sees it. Times are milliseconds since 1970. */
export interface MyInvite {
  id: string;
  note: string;
  created_at: number;
  expires_at: number | null;
  state: InviteState;
  /** Whom it let in. */
  guest: Person | null;
  /** The handle of somebody on the waiting list who was waved in by it and has not come yet. */
  waiting: string | null;
}

export interface MyInvites {
  /** How many more the member may make now; null for those who may make any number. */
  left: number | null;
  earned: number;
  items: MyInvite[];
  next: string | null;
}

/** An invite that was just made: its link is shown once. */
export interface InviteMade {
  id: string;
  link: string;
  /** The link as a QR code: the text of an SVG picture. */
  qr: string;
  expires_at: number;
}

export interface WaitingPerson {
  handle: string;
  name: string;
  note: string;
  state: 'waiting' | 'invited';
}

export interface Waiting {
  handle: string;
  state: 'waiting' | 'invited';
  expires_at: number;
}

/** What anybody may know of this server. */
export interface ServerInfo {
  name: string;
  languages: string[];
  waitlist: boolean;
}

const id = encodeURIComponent;

export const invites = {
  mine: (after: string | null) =>
    api.json<MyInvites>('GET', `/api/invites/mine${after === null ? '' : `?after=${id(after)}`}`),
  make: (note: string, days: number | null) => api.json<InviteMade>('POST', '/api/invites', { note, days }),
  revoke: (invite: string) => api.json<void>('DELETE', `/api/invites/mine/${id(invite)}`),

  server: () => api.json<ServerInfo>('GET', '/api/server'),
  wait: (entry: { handle: string; name: string; note: string; language: string }) =>
    api.json<{ secret: string; expires_at: number }>('POST', '/api/waitlist', entry),
  waiting: (secret: string) => api.json<Waiting>('GET', `/api/waitlist/${id(secret)}`),
  stopWaiting: (secret: string) => api.json<void>('DELETE', `/api/waitlist/${id(secret)}`),
  /** Somebody who waits, by exactly their handle. */
  find: (handle: string) => api.json<WaitingPerson>('GET', `/api/waitlist/by-handle/${id(handle)}`),
  /** Lets somebody who waits in, for one of the caller's invites. */
  wave: (handle: string) => api.json<void>('POST', `/api/waitlist/by-handle/${id(handle)}/wave`),
};
