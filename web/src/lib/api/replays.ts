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

/** Which replays a list is of: everybody's that the reader may hear, their own, those of talks they were at; or of somebody or something. */
export type ReplaysOf =
  | { box: 'all' | 'mine' | 'heard' }
  | { host: string }
  | { house: string }
  | { room: string }
  | { event: string }
  | { invitation: string };

const id = encodeURIComponent;
const of = (replay: string) => `/api/replays/${id(replay)}`;

/** The question part of an address; `key` is that of an unlisted link, null without one. */
function query(fields: Record<string, string | null>): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}

export const replays = {
  list: (which: ReplaysOf, after: string | null) =>
    api.json<Page<ReplayCard>>('GET', `/api/replays${query({ ...which, after })}`),
  get: (replay: string, key: string | null) => api.json<Replay>('GET', of(replay) + query({ key })),
  change: (replay: string, change: Schemas['ChangeReplay']) => api.json<Replay>('PATCH', of(replay), change),
  remove: (replay: string) => api.json<void>('DELETE', of(replay)),
  /** Takes the caller's own track out for good, or a guest's, by its number. */
  withdraw: (replay: string, n: number | null) =>
    api.json<void>('POST', `${of(replay)}/withdraw`, n === null ? {} : { n }),

  links: (replay: string) => api.json<{ items: ReplayLink[] }>('GET', `${of(replay)}/links`),
  makeLink: (replay: string, note: string) =>
    api.json<Schemas['ReplayLinkMade']>('POST', `${of(replay)}/links`, { note }),
  removeLink: (replay: string, link: string) => api.json<void>('DELETE', `${of(replay)}/links/${id(link)}`),

  replies: (replay: string, key: string | null, after: string | null) =>
    api.json<Page<ReplayReply>>('GET', `${of(replay)}/replies${query({ key, after })}`),
  reply: (replay: string, text: string, at_ms: number | null) =>
    api.json<ReplayReply>('POST', `${of(replay)}/replies`, { text, at_ms }),
  /** A reply by voice; `note` is a WAV file. */
  replyByVoice: async (replay: string, note: Blob, at_ms: number | null) => {
    const path = `${of(replay)}/voice${query({ at_ms: at_ms === null ? null : String(at_ms) })}`;
    const answer = await api.send('POST', path, note, 'audio/wav');
    return (await answer.json()) as ReplayReply;
  },
  removeReply: (replay: string, reply: string) =>
    api.json<void>('DELETE', `${of(replay)}/replies/${id(reply)}`),

  clips: (replay: string, key: string | null, after: string | null) =>
    api.json<Page<Clip>>('GET', `${of(replay)}/clips${query({ key, after })}`),
  cut: (replay: string, clip: Schemas['NewClip']) => api.json<Clip>('POST', `${of(replay)}/clips`, clip),
  clip: (clip: string) => api.json<Clip>('GET', `/api/clips/${id(clip)}`),
  removeClip: (clip: string) => api.json<void>('DELETE', `/api/clips/${id(clip)}`),

  transcript: (replay: string, key: string | null, after: string | null) =>
    api.json<Transcript>('GET', `${of(replay)}/transcript${query({ key, after })}`),
  mendLine: (replay: string, n: number, line: number, text: string) =>
    api.json<TranscriptLine>('PATCH', `${of(replay)}/transcript/${n}/${line}`, { text }),
  removeLine: (replay: string, n: number, line: number) =>
    api.json<void>('DELETE', `${of(replay)}/transcript/${n}/${line}`),

  /** Everything that was recorded of the caller. */
  own: (after: string | null) => api.json<Page<OwnTrack>>('GET', `/api/me/tracks${query({ after })}`),
};

/** The first of several files that this browser plays; the first of all where it does not say. */
export function playable(audio: readonly ReplayAudio[]): string | null {
  const probe = typeof Audio === 'undefined' ? null : new Audio();
  return (audio.find(({ type }) => probe?.canPlayType(type)) ?? audio[0])?.url ?? null;
}
