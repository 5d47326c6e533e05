/** What moderators did, and appeals against it, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { Page } from './people';
import type { components } from './schema';

type Schemas = components['schemas'];

/** Kinds of acts, as the log of a room has them. */
export type ActKind = Schemas['ActKind'];
export type Decision = Schemas['AppealDecision'];
/** Somebody asks to look at an act again. */
export type Appeal = Answer<Schemas['Appeal']>;
/** What somebody did to somebody, or to a room. */
export type Act = Answer<Schemas['Act']>;
/** An act on the reader. */
export type OwnAct = Answer<Schemas['OwnAct']>;
/** An appeal that the reader may decide. */
export type OpenAppeal = Answer<Schemas['AppealedAct']>;

/** How long an appeal, and an answer to one, may be, in characters. */
export const LONGEST_APPEAL = 1_000;

const id = encodeURIComponent;
const page = (after: string | null, sign = '?') => (after === null ? '' : `${sign}after=${id(after)}`);

export const acts = {
  /** The log of a room, newest first. */
  ofRoom: (room: string, after: string | null) =>
    api.json<Page<Act>>('GET', `/api/rooms/${id(room)}/acts${page(after)}`),
  mine: (after: string | null) => api.json<Page<OwnAct>>('GET', `/api/acts/mine${page(after)}`),
  appeal: (act: string, text: string) => api.json<Appeal>('POST', `/api/acts/${id(act)}/appeal`, { text }),
  appeals: (state: 'open' | 'closed', after: string | null) =>
    api.json<Page<OpenAppeal>>('GET', `/api/appeals?state=${state}${page(after, '&')}`),
  decide: (appeal: string, decision: Decision, answer: string) =>
    api.json<void>('POST', `/api/appeals/${id(appeal)}`, { decision, answer }),
};
