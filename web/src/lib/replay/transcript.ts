/** What was said, as lines in order of time: paragraphs of one speaker, the line of a moment, finding, quotes. Pure. */

import type { TranscriptLine } from '$lib/api/replays';

/** What one speaker says without anybody else in between. */
export interface Paragraph {
  n: number;
  lines: TranscriptLine[];
}

/** A paragraph that goes on for longer, in ms, is divided, so that there is a time to press. */
const LONGEST = 60_000;

/** Puts lines together that one speaker says on end. */
export function paragraphs(lines: readonly TranscriptLine[]): Paragraph[] {
  const list: Paragraph[] = [];
  for (const line of lines) {
    const last = list.at(-1);
    if (last && last.n === line.n && line.from_ms - last.lines[0]!.from_ms < LONGEST) last.lines.push(line);
    else list.push({ n: line.n, lines: [line] });
  }
  return list;
}

/** One line's own name. */
export function keyOf({ n, line }: Pick<TranscriptLine, 'n' | 'line'>): string {
  return `${n}-${line}`;
}

/** The line that is said at a moment, or was last; null before the first. */
export function lineAt(lines: readonly TranscriptLine[], ms: number): TranscriptLine | null {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.from_ms <= ms) low = middle + 1;
    else high = middle;
  }
  return lines[low - 1] ?? null;
}

/** A piece of a line: found or not. */
export interface Piece {
  said: string;
  found: boolean;
}

/** Cuts a text where it has the words that are looked for, whatever their case. */
export function pieces(said: string, wanted: string): Piece[] {
  const words = plain(wanted.trim());
  if (words === '') return [{ said, found: false }];
  const list: Piece[] = [];
  let from = 0;
  const low = plain(said);
  // Where lower case has another length, places in it are not places in the text.
  if (low.length !== said.length) return [{ said, found: low.includes(words) }];
  for (let at = low.indexOf(words); at >= 0; at = low.indexOf(words, from)) {
    if (at > from) list.push({ said: said.slice(from, at), found: false });
    list.push({ said: said.slice(at, at + words.length), found: true });
    from = at + words.length;
  }
  if (from < said.length) list.push({ said: said.slice(from), found: false });
  return list;
}

/** The lines that have the words that are looked for. */
export function finds(lines: readonly TranscriptLine[], wanted: string): TranscriptLine[] {
  const words = plain(wanted.trim());
  return words === '' ? [] : lines.filter(({ text }) => plain(text).includes(words));
}

function plain(text: string): string {
  return text.toLocaleLowerCase();
}

/** How long a quote is, in characters. */
const QUOTE = { least: 60, most: 260 };

/** Up to `most` lines that stand for themselves: whole sentences, the longest of each speaker first, in order of time. */
export function quotes(lines: readonly TranscriptLine[], most = 4): TranscriptLine[] {
  const whole = lines
    .filter(({ text }) => text.length >= QUOTE.least && text.length <= QUOTE.most)
    .filter(({ text }) => /^["«“„(¿]?\p{Lu}/u.test(text) && /[.!?…]["»”)]?$/.test(text))
    .sort((one, other) => other.text.length - one.text.length);
  const chosen: TranscriptLine[] = [];
  // Everybody's best comes before anybody's second best.
  for (let round = 0; chosen.length < most && chosen.length < whole.length; round += 1) {
    const had = new Map<number, number>();
    for (const line of whole) {
      const place = had.get(line.n) ?? 0;
      had.set(line.n, place + 1);
      if (place === round && chosen.length < most) chosen.push(line);
    }
  }
  return chosen.sort((one, other) => one.from_ms - other.from_ms);
}
