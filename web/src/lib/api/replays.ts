/** Replays: what was recorded of rooms, clips of it and replies to it, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { Page } from './people';
import type { components } from './schema';

type Schemas = components['schemas'];

/** A replay in a list. Times are milliseconds since 1970; moments are milliseconds from the beginning. */
export type ReplayCard = Answer<Schemas['ReplayCard']>;
/** A replay on its own page. */
export type Replay = Answer<Schemas['Replay']>;
export type ReplaySpeaker = Answer<Schemas['ReplaySpeaker']>;
export type ReplayAct = Schemas['ReplayAct'];
export type ReplayAudio = Schemas['ReplayAudio'];
export type Picture = Answer<Schemas['Picture']>;
export type Chapter = Answer<Schemas['Chapter']>;
export type MarkedMoment = Answer<Schemas['MarkedMoment']>;
export type Hearers = Schemas['Hearers'];
export type ReplayReply = Answer<Schemas['ReplayReply']>;
export type ReplayLink = Schemas['ReplayLink'];
export type Clip = Answer<Schemas['Clip']>;
export type OwnTrack = Answer<Schemas['OwnTrack']>;
/** A page of what was said. */
export type Transcript = Answer<Schemas['Transcript']>;
export type TranscriptLine = Answer<Schemas['TranscriptLine']>;

/**
 * Which replays a list is of: everybody's that the reader may hear, their own, those of talks they were at; of somebody or something; or
 * those that have to do with another, which is heard with this key.
 */
export type ReplaysOf =
  | { box: 'all' | 'mine' | 'heard' }
  | { host: string }
  | { house: string }
  | { room: string }
  | { event: string }
  | { invitation: string }
  | { related: string; key: string | null };

const id = encodeURIComponent;
const of = (replay: string) => `/api/replays/${id(replay)}`;

/** The question part of an address; `key` is that of an unlisted link, null without one. */
export function asked(fields: Record<string, string | null>): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}

export const replays = {
  list: (which: ReplaysOf, after: string | null) =>
    api.json<Page<ReplayCard>>(
      'GET',
      'related' in which
        ? `${of(which.related)}/related${asked({ key: which.key })}`
        : `/api/replays${asked({ ...which, after })}`,
    ),
  get: (replay: string, key: string | null) => api.json<Replay>('GET', of(replay) + asked({ key })),
  change: (replay: string, change: Schemas['ChangeReplay']) => api.json<Replay>('PATCH', of(replay), change),
  remove: (replay: string) => api.json<void>('DELETE', of(replay)),
  /** Tries again to make one that could not be made. */
  make: (replay: string) => api.json<void>('POST', `${of(replay)}/make`, {}),
  /** Takes out something that happened beside the talking, by its number. */
  removeMoment: (replay: string, n: number) => api.json<void>('DELETE', `${of(replay)}/marks/${n}`),
  /** Takes the caller's own track out for good, or a guest's, by its number; `key` is the code of the link by which a guest came. */
  withdraw: (replay: string, n: number | null, key: string | null) =>
    api.json<void>('POST', `${of(replay)}/withdraw${asked({ key })}`, n === null ? {} : { n }),

  links: (replay: string) => api.json<{ items: ReplayLink[] }>('GET', `${of(replay)}/links`),
  makeLink: (replay: string, note: string) =>
    api.json<Schemas['ReplayLinkMade']>('POST', `${of(replay)}/links`, { note }),
  removeLink: (replay: string, link: string) => api.json<void>('DELETE', `${of(replay)}/links/${id(link)}`),

  replies: (replay: string, key: string | null, after: string | null) =>
    api.json<Page<ReplayReply>>('GET', `${of(replay)}/replies${asked({ key, after })}`),
  reply: (replay: string, key: string | null, text: string, at_ms: number | null) =>
    api.json<ReplayReply>('POST', `${of(replay)}/replies${asked({ key })}`, { text, at_ms }),
  /** A reply by voice; `note` is a WAV file. */
  replyByVoice: async (replay: string, key: string | null, note: Blob, at_ms: number | null) => {
    const path = `${of(replay)}/voice${asked({ key, at_ms: at_ms === null ? null : String(at_ms) })}`;
    const answer = await api.send('POST', path, note, 'audio/wav');
    return (await answer.json()) as ReplayReply;
  },
  removeReply: (replay: string, reply: string) =>
    api.json<void>('DELETE', `${of(replay)}/replies/${id(reply)}`),

  clips: (replay: string, key: string | null, after: string | null) =>
    api.json<Page<Clip>>('GET', `${of(replay)}/clips${asked({ key, after })}`),
  cut: (replay: string, key: string | null, clip: Schemas['NewClip']) =>
    api.json<Clip>('POST', `${of(replay)}/clips${asked({ key })}`, clip),
  clip: (clip: string, key: string | null) =>
    api.json<Clip>('GET', `/api/clips/${id(clip)}${asked({ key })}`),
  removeClip: (clip: string) => api.json<void>('DELETE', `/api/clips/${id(clip)}`),

  transcript: (replay: string, key: string | null, after: string | null) =>
    api.json<Transcript>('GET', `${of(replay)}/transcript${asked({ key, after })}`),
  /** What is said in a part of it. */
  said: (replay: string, key: string | null, { from_ms, to_ms }: { from_ms: number; to_ms: number }) =>
    api.json<Transcript>(
      'GET',
      `${of(replay)}/transcript${asked({ key, from: String(from_ms), to: String(to_ms) })}`,
    ),
  mendLine: (replay: string, n: number, line: number, text: string) =>
    api.json<TranscriptLine>('PATCH', `${of(replay)}/transcript/${n}/${line}`, { text }),
  removeLine: (replay: string, n: number, line: number) =>
    api.json<void>('DELETE', `${of(replay)}/transcript/${n}/${line}`),

  /** Everything that was recorded of the caller. */
  own: (after: string | null) => api.json<Page<OwnTrack>>('GET', `/api/me/tracks${asked({ after })}`),
};

/** The first of several files that this browser plays; the first of all where it does not say. */
export function playable(audio: readonly ReplayAudio[]): string | null {
  const probe = typeof Audio === 'undefined' ? null : new Audio();
  return (audio.find(({ type }) => probe?.canPlayType(type)) ?? audio[0])?.url ?? null;
}
