/** What of a quote fits what was typed. Pure. */

import type { Piece } from '$lib/replay/transcript';

/** Cuts a text into words that begin as one of the typed ones does, whatever their case and marks, and what is between them. */
export function fitting(said: string, typed: string): Piece[] {
  const wanted = words(typed).map(plain);
  const list: Piece[] = [];
  let from = 0;
  for (const { 0: word, index } of said.matchAll(WORD)) {
    if (!wanted.some((one) => plain(word).startsWith(one))) continue;
    if (index > from) list.push({ said: said.slice(from, index), found: false });
    list.push({ said: word, found: true });
    from = index + word.length;
  }
  if (from < said.length) list.push({ said: said.slice(from), found: false });
  return list;
}

const WORD = /[\p{L}\p{N}\p{M}]+/gu;

function words(text: string): string[] {
  return text.match(WORD) ?? [];
}

function plain(word: string): string {
  return word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
