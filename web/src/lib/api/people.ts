/** People, what is between them, the member's own profile, and search, typed: docs/PROTOCOL.md. Refusals are `ApiError`s. */

import { api, type Answer } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

/** What somebody shows of themselves to the member. */
export type Profile = Answer<Schemas['Profile']>;
/** What is between the member and somebody. */
export type Between = Answer<Schemas['Between']>;
/** How often to be told of whom one follows. */
export type Bell = Schemas['Bell'];
/** Somebody in a list, and since when. */
export type Entry = Answer<Schemas['Entry']>;
/** Somebody the member may want to follow, and why. */
export type Suggestion = Answer<Schemas['Suggestion']>;
/** What the member says of themselves and lets others see. */
export type MyProfile = Answer<Schemas['MyProfile']>;
/** What of it is to change; what is absent stays. */
export type ProfileChange = Schemas['ChangeMe'];
/** What is wrong with whom or what. */
export type NewReport = Schemas['NewReport'];
export type ReportReason = Schemas['ReportReason'];
/** Somebody that was found. */
export type FoundPerson = Answer<Schemas['FoundPerson']>;
/** A replay that was found, and by what was said in it, if by that. */
export type FoundReplay = Answer<Schemas['FoundReplay']>;
/** What a search found, best first. */
export type Found = Answer<Schemas['Found']>;

/** A page of a list; `next` is passed as `after` for the next one, null on the last. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

export const BELLS: readonly Bell[] = ['always', 'sometimes', 'never'];
export const REASONS: readonly ReportReason[] = ['spam', 'abuse', 'impersonation', 'other'];

export function profile(handle: string): Promise<Profile> {
  return api.json('GET', member(handle));
}

export function peopleAround(
  handle: string,
  which: 'followers' | 'following',
  after: string | null,
): Promise<Page<Entry>> {
  const query = after === null ? '' : `?after=${encodeURIComponent(after)}`;
  return api.json('GET', `${member(handle)}/${which}${query}`);
}

export async function suggestions(): Promise<Suggestion[]> {
  return (await api.json<Answer<Schemas['Suggestions']>>('GET', '/api/suggestions')).items;
}

/** Follows with a bell, or changes the bell. */
export function setBell(handle: string, bell: Bell): Promise<void> {
  return api.json('PUT', `${member(handle)}/follow`, { bell });
}

export function setMuted(handle: string, on: boolean): Promise<void> {
  return api.json(on ? 'PUT' : 'DELETE', `${member(handle)}/mute`);
}

export function setBlocked(handle: string, on: boolean): Promise<void> {
  return api.json(on ? 'PUT' : 'DELETE', `${member(handle)}/block`);
}

export function report(what: NewReport): Promise<Schemas['ReportMade']> {
  return api.json('POST', '/api/reports', what);
}

export function myProfile(): Promise<MyProfile> {
  return api.json('GET', '/api/me/profile');
}

export function changeProfile(change: ProfileChange): Promise<MyProfile> {
  return api.json('PATCH', '/api/me', change);
}

/** Gives the member a picture; resolves with its id. */
export async function putAvatar(picture: Blob): Promise<Schemas['AvatarSet']> {
  const response = await api.send('PUT', '/api/me/avatar', picture, picture.type);
  return (await response.json()) as Schemas['AvatarSet'];
}

export function deleteAvatar(): Promise<void> {
  return api.json('DELETE', '/api/me/avatar');
}

export function search(query: string): Promise<Found> {
  return api.json('GET', `/api/search?q=${encodeURIComponent(query)}`);
}

/** Where a picture is: `small` is 160 px square, `large` 512 px. */
export function avatarUrl(id: string, size: 'small' | 'large'): string {
  return `/api/avatars/${id}/${size}`;
}

function member(handle: string): string {
  return `/api/members/${encodeURIComponent(handle)}`;
}
