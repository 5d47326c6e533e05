/** Invitations to talk, which everybody may read, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { GuestLink } from './guests';
import type { Page } from './people';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Side = Schemas['InvitationSide'];
export type InvitationState = Schemas['InvitationState'];
/** Which invitations: those everybody may read, the member's own, those to the member, those to whom the member acts for. */
export type Box = 'all' | 'mine' | 'asked' | 'office';

/** What a side does with an invitation by `POST …/acts`. */
export type Acting = Schemas['InvitationAct'];
export type Act = Acting['act'];
/** Those that are said in an answer of their own; terms are accepted where they stand. */
export type Spoken = Exclude<Act, 'accept_sheet'>;
/** What the reader can do now. */
export type Can = Schemas['Can'];
/** As whom the reader acts. */
export type Part = Schemas['InvitationPart'];

export type StepKind = Schemas['StepKind'];
/** Who is invited: a member, or somebody outside as the host describes them. */
export type Invitee = Answer<Schemas['Invitee']>;
export type LetterText = Answer<Schemas['InvitationText']>;
/** Who gave a step, and how we know. */
export type Voice = Answer<Schemas['StepVoice']>;
export type Step = Answer<Schemas['InvitationStep']>;
/** The terms of a talk. */
export type Terms = Required<Schemas['SheetTerms']>;
/** A version of the talk sheet. */
export type SheetVersion = Answer<Schemas['SheetVersion']>;
export type InvitationCard = Answer<Schemas['InvitationCard']>;
export type Invitation = Answer<Schemas['Invitation']>;
/** A link that was just made: it is shown once. */
export type AnswerLink = Answer<Schemas['AnswerLink']>;
/** What a link for answering shows before it is used. */
export type ShownAnswerLink = Answer<Schemas['ShownAnswerLink']>;
export type Question = Answer<Schemas['Question']>;
/** With the reader's own on the first page. */
export type Questions = Answer<Schemas['Questions']>;
export type Reply = Answer<Schemas['Reply']>;
export type NewInvitation = Schemas['NewInvitation'];

const id = encodeURIComponent;
const of = (invitation: string) => `/api/invitations/${id(invitation)}`;
const page = (after: string | null) => (after === null ? '' : `?after=${id(after)}`);

/** Those of one member: made by them, or to them. */
export type Of = { host: string } | { invitee: string };

export const invitations = {
  list: (box: Box, after: string | null) =>
    api.json<Page<InvitationCard>>(
      'GET',
      `/api/invitations?box=${box}${after === null ? '' : `&after=${id(after)}`}`,
    ),
  /** Those by or to somebody, as far as everybody may read them. */
  of: (which: Of, after: string | null) => {
    const query = new URLSearchParams(which);
    if (after !== null) query.set('after', after);
    return api.json<Page<InvitationCard>>('GET', `/api/invitations?${query}`);
  },
  make: (letter: NewInvitation) => api.json<Invitation>('POST', '/api/invitations', letter),
  get: (invitation: string, language: string | null = null) =>
    api.json<Invitation>('GET', `${of(invitation)}${language === null ? '' : `?language=${id(language)}`}`),
  act: (invitation: string, acting: Acting) => api.json<Invitation>('POST', `${of(invitation)}/acts`, acting),
  translate: (invitation: string, language: string, text: { title: string; text: string }) =>
    api.json<Invitation>('PUT', `${of(invitation)}/texts/${id(language)}`, text),
  proposeSheet: (invitation: string, terms: Terms) =>
    api.json<SheetVersion>('POST', `${of(invitation)}/sheets`, terms),

  /** Makes the link by which somebody outside answers; the one before it ends. */
  link: (invitation: string) => api.json<AnswerLink>('POST', `${of(invitation)}/link`),
  /** Ends the link, and with it the right of whoever used it. */
  unlink: (invitation: string) => api.json<void>('DELETE', `${of(invitation)}/link`),
  /** Makes a link into the room of the talk, for who answers by a link: the one before ends unless it was used. */
  come: (invitation: string) => api.json<GuestLink>('POST', `${of(invitation)}/guest`),
  peek: (code: string) => api.json<ShownAnswerLink>('GET', `/api/answers/${id(code)}`),
  /** Uses a link, once: from now on this browser answers for who is invited. */
  claim: (code: string, as: { office: boolean }) =>
    api.json<{ invitation: string }>('POST', `/api/answers/${id(code)}`, as),

  cosign: (invitation: string, on: boolean) =>
    api.json<void>(on ? 'PUT' : 'DELETE', `${of(invitation)}/cosign`),
  cosigners: (invitation: string, after: string | null) =>
    api.json<Page<Answer<Schemas['Cosigner']>>>('GET', `${of(invitation)}/cosigns${page(after)}`),

  questions: (invitation: string, after: string | null) =>
    api.json<Questions>('GET', `${of(invitation)}/questions${page(after)}`),
  ask: (invitation: string, text: string) => api.json<void>('PUT', `${of(invitation)}/question`, { text }),
  unask: (invitation: string) => api.json<void>('DELETE', `${of(invitation)}/question`),
  /** Takes somebody's question away: the host. */
  removeQuestion: (question: string) => api.json<void>('DELETE', `/api/questions/${id(question)}`),
  vote: (question: string, on: boolean) =>
    api.json<void>(on ? 'PUT' : 'DELETE', `/api/questions/${id(question)}/vote`),
  /** The talk has answered it. */
  markAnswered: (question: string) => api.json<void>('POST', `/api/questions/${id(question)}/answered`),

  replies: (invitation: string, after: string | null) =>
    api.json<Page<Reply>>('GET', `${of(invitation)}/replies${page(after)}`),
  reply: (invitation: string, text: string, contact: string) =>
    api.json<void>('POST', `${of(invitation)}/replies`, contact === '' ? { text } : { text, contact }),
  removeReply: (reply: string) => api.json<void>('DELETE', `/api/replies/${id(reply)}`),
};
