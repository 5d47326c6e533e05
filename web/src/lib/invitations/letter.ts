/** The text of an invitation, in the language that its reader can read. */

import type { Invitee, LetterText, Voice } from '$lib/api/invitations';
import { firstName } from '$lib/people/pattern';

/** The text in a language; the original where there is none, or nothing is asked for. */
export function textIn(texts: readonly LetterText[], language: string | null): LetterText | undefined {
  return texts.find((text) => text.language === language) ?? original(texts);
}

/** What was written first. */
export function original(texts: readonly LetterText[]): LetterText | undefined {
  return texts.find((text) => text.original) ?? texts[0];
}

/** The original first, then the others by their language. */
export function inOrder(texts: readonly LetterText[]): LetterText[] {
  return [...texts].sort(
    (one, two) =>
      Number(two.original) - Number(one.original) || one.language.localeCompare(two.language, 'en'),
  );
}

/** What stands between empty lines, each without spaces around it. Lines in a paragraph stay lines. */
export function paragraphs(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** What an invitee is called; null for somebody whose account is gone. */
export function nameOf(invitee: Invitee): string | null {
  return invitee.person?.name ?? (invitee.name === '' ? null : invitee.name);
}

/** The same in a sentence: a member by their first name. The name of somebody outside may begin with a title, and stays whole. */
export function calledOf(invitee: Invitee): string | null {
  return invitee.person ? firstName(invitee.person.name) : nameOf(invitee);
}

export type Seal = Voice['kind'] | 'domain';

/** The seal of a step. Somebody without an account who has proven the domain that the host named carries that. */
export function sealOf(voice: Voice): Seal {
  const byDomain = voice.kind === 'person' && voice.person === null && provenDomain(voice) !== null;
  return byDomain ? 'domain' : voice.kind;
}

/** The domain that whoever gave a step has shown to be theirs, with or without an account; null without one. */
export function provenDomain(voice: Voice): string | null {
  return voice.proof?.kind === 'domain' ? voice.proof.domain : null;
}

/** A domain as somebody may have typed or pasted it: without a scheme, a path, a dot at the end, in small letters. */
export function domainIn(typed: string): string {
  return typed
    .trim()
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, '')
    .replace(/[/?#].*$/, '')
    .replace(/\.$/, '');
}
