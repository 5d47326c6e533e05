/** A letter while it is being written. */

import type { LetterText, NewInvitation } from '$lib/api/invitations';
import type { Person } from '$lib/protocol/types';
import { domainIn } from './letter';

export interface Draft {
  /** Whether it is to somebody without an account. */
  outside: boolean;
  /** The member it is to. */
  member: Person | null;
  name: string;
  about: string;
  domain: string;
  language: string;
  title: string;
  text: string;
  translations: { language: string; title: string; text: string }[];
  topics: string[];
  /** The handle of a house, or ''. */
  house: string;
  days: number;
}

export function emptyDraft(language: string): Draft {
  return {
    outside: false,
    member: null,
    name: '',
    about: '',
    domain: '',
    language,
    title: '',
    text: '',
    translations: [],
    topics: [],
    house: '',
    days: 90,
  };
}

/** What goes to the server; null while nobody is chosen to whom. */
export function letterOf(draft: Draft): NewInvitation | null {
  const domain = domainIn(draft.domain);
  const outside = {
    name: draft.name.trim(),
    about: draft.about.trim(),
    ...(domain === '' ? {} : { domain }),
  };
  const invitee = draft.outside ? outside : draft.member && { handle: draft.member.handle };
  if (!invitee || ('name' in invitee && invitee.name === '')) return null;
  return {
    invitee,
    language: draft.language,
    title: draft.title.trim(),
    text: draft.text.trim(),
    topics: draft.topics,
    ...(draft.house === '' ? {} : { house: draft.house }),
    days: draft.days,
    translations: draft.translations.map((one) => ({
      language: one.language,
      title: one.title.trim(),
      text: one.text.trim(),
    })),
  };
}

/** Its texts as they will be read; what is not written yet is said by `blank`. */
export function textsOf(draft: Draft, blank: { title: string; text: string }): LetterText[] {
  return [draft, ...draft.translations].map((one, n) => ({
    language: one.language,
    title: one.title.trim() || blank.title,
    text: one.text.trim() || blank.text,
    original: n === 0,
  }));
}
