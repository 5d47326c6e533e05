/** What the pages say, in the language chosen now. Reading it in a component makes the component follow a change of language. */

import type { Dates } from './dates';
import type { Texts } from './en';
import { language } from './language.svelte';

export { INTERFACE_LANGUAGES, language, type Language } from './language.svelte';
export type { Texts };

/** The texts in use. Each look is at the catalogue of the moment, so no part of it should be kept in a module's constant. */
export const text: Texts = new Proxy({} as Texts, {
  get: (_, key) => Reflect.get(language.texts, key),
});

/** Dates and times in the language in use. */
export const dates: Dates = {
  ago: (at, now) => language.dates.ago(at, now),
  day: (at, now) => language.dates.day(at, now),
  date: (at, now) => language.dates.date(at, now),
  clock: (at) => language.dates.clock(at),
  moment: (at, now) => language.dates.moment(at, now),
  brief: (at, now) => language.dates.brief(at, now),
  zone: (at) => language.dates.zone(at),
  in: (zone) => language.dates.in(zone),
};

/** Names in a sentence, with how many more there are: "Ada, Ben and 3 more". */
export function names(shown: string[], total: number): string {
  const more = total - shown.length;
  const parts = more > 0 ? [...shown, text.list.more(more)] : shown;
  if (parts.length < 2) return parts[0] ?? '';
  return `${parts.slice(0, -1).join(', ')} ${text.list.and} ${parts[parts.length - 1]}`;
}

/** Names on a card, with how many more there are: "Ada, Ben +3". */
export function roll(shown: string[], total: number): string {
  const more = total - shown.length;
  return shown.join(', ') + (more > 0 ? ` +${text.figures(more)}` : '');
}

/** What the microphone's failure means, by the name of the browser's exception. */
export function microphoneTrouble(error: unknown): string {
  const name = error instanceof DOMException ? error.name : 'other';
  const known: Record<string, string> = text.microphone;
  return known[name] ?? text.microphone.other;
}
