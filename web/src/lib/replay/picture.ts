/** The talk as a picture: who speaks when, where its parts begin, and how that is drawn. Pure. Times are in ms, lengths in px. */

import type { Chapter, MarkedMoment, Picture } from '$lib/api/replays';

/** How far apart two bars of the waveform begin, and how wide each is. */
export const BAR_STEP = 4;
export const BAR = 2.5;
/** What is quieter than this, of 255, is drawn as still. */
const STILL = 60;
/** Two spans of one speaker belong to one turn if no more lies between them. */
const BREATH = 2_000;
/** A turn that is shorter is an "mm-hm", to which nobody wants to skip. */
const SHORTEST_TURN = 2_500;

/** From, to, in ms. */
export type Span = [from: number, to: number];

/** Stretches of time as the server writes them, as pairs. */
export function pairs(spans: readonly (readonly number[])[]): Span[] {
  return spans.map(([from = 0, to = from]) => [from, to]);
}

/** A stretch in which one speaker has the word. */
export interface Turn {
  n: number;
  from: number;
  to: number;
}

/**
 * The waveform for a width: how loud the parts under each bar are on the average, against the loudest bar, from 0 to 1. The loudest part
 * alone would say nothing of an hour: there is a loud word under every bar.
 */
export function bars(picture: Pick<Picture, 'wave'>, width: number): number[] {
  const count = Math.max(1, Math.floor(width / BAR_STEP));
  const { wave } = picture;
  const heights = Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * wave.length) / count);
    const parts = wave.slice(from, Math.max(from + 1, Math.floor(((i + 1) * wave.length) / count)));
    return parts.reduce((sum, part) => sum + Math.max(0, part - STILL), 0) / Math.max(1, parts.length);
  });
  const most = Math.max(...heights, 1);
  return heights.map((height) => height / most);
}

/** SVG path data of the bars, around the middle of a height; a still part is a dot. */
export function wavePath(heights: readonly number[], height: number): string {
  return heights
    .map((level, i) => {
      const length = Math.max(BAR, level * height);
      return rounded(i * BAR_STEP, (height - length) / 2, BAR, length);
    })
    .join('');
}

/** SVG path data of a speaker's lane. Spans that come to lie on each other become one, so that an hour has few shapes. */
export function lanePath(
  spans: readonly (readonly number[])[],
  ms: number,
  width: number,
  height: number,
): string {
  const drawn: Span[] = [];
  for (const [from, to] of pairs(spans)) {
    const start = (from / ms) * width;
    const end = Math.max((to / ms) * width, start + BAR);
    const last = drawn.at(-1);
    if (last && start - last[1] < 1) last[1] = Math.max(last[1], end);
    else drawn.push([start, end]);
  }
  return drawn.map(([from, to]) => rounded(from, 0, to - from, height)).join('');
}

/** A rectangle with round ends. */
function rounded(x: number, y: number, width: number, height: number): string {
  const r = Math.min(width, height) / 2;
  const n = (value: number) => String(Math.round(value * 100) / 100);
  const arc = (dx: number, dy: number) => `a${n(r)} ${n(r)} 0 0 1 ${n(dx)} ${n(dy)}`;
  const [across, down] = [width - 2 * r, height - 2 * r];
  return `M${n(x + r)} ${n(y)}h${n(across)}${arc(r, r)}v${n(down)}${arc(-r, r)}h${n(-across)}${arc(-r, -r)}v${n(-down)}${arc(r, -r)}z`;
}

/** The numbers of those who speak at a moment. */
export function speakingAt(picture: Pick<Picture, 'speakers'>, ms: number): number[] {
  return picture.speakers.filter(({ spans }) => within(spans, ms)).map(({ n }) => n);
}

function within(spans: readonly (readonly number[])[], ms: number): boolean {
  let [low, high] = [0, spans.length];
  // The last span that begins no later than this.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]![0]! <= ms) low = middle + 1;
    else high = middle;
  }
  const span = spans[low - 1];
  return span !== undefined && ms < span[1]!;
}

/** Who has the word when, in order; what is said in between by others is left out. */
export function turns(picture: Pick<Picture, 'speakers'>): Turn[] {
  return picture.speakers
    .flatMap(({ n, spans }) => {
      const own: Turn[] = [];
      for (const [from, to] of pairs(spans)) {
        const last = own.at(-1);
        if (last && from - last.to <= BREATH) last.to = Math.max(last.to, to);
        else own.push({ n, from, to });
      }
      return own.filter((turn) => turn.to - turn.from >= SHORTEST_TURN);
    })
    .sort((one, other) => one.from - other.from || one.n - other.n);
}

/** Who has the word at a moment: the turn that began last and goes on, or the last one. */
export function turnAt(list: readonly Turn[], ms: number): Turn | null {
  const begun = list.filter((turn) => turn.from <= ms);
  return begun.findLast((turn) => ms < turn.to) ?? begun.at(-1) ?? null;
}

/** Where somebody else takes the word after a moment; null where nobody does. */
export function nextTurn(list: readonly Turn[], ms: number): Turn | null {
  const now = turnAt(list, ms);
  return list.find((turn) => turn.from > ms && turn.n !== now?.n) ?? null;
}

/** Where the turn of a moment began, or, within `near` ms of that, the turn of somebody else before it. */
export function previousTurn(list: readonly Turn[], ms: number, near = 3_000): Turn | null {
  const now = turnAt(list, ms);
  if (!now) return null;
  // Several turns of one speaker on end count as one.
  let first = now;
  for (const turn of list.toReversed()) {
    if (turn.from >= first.from) continue;
    if (turn.n !== now.n) break;
    first = turn;
  }
  if (ms - first.from > near) return first;
  return list.findLast((turn) => turn.from < first.from && turn.n !== now.n) ?? first;
}

/** The number of the chapter that a moment is in, from 0; -1 where there are none. */
export function chapterAt(chapters: readonly Pick<Chapter, 'at_ms'>[], ms: number): number {
  return chapters.findLastIndex((chapter) => chapter.at_ms <= ms);
}

/** A chapter whose name stands above the picture: where, and how much room there is for it. */
export interface Named {
  /** Its place among the chapters. */
  i: number;
  left: number;
  room: number;
}

/**
 * The chapters whose names have at least `least` px of room above a picture of a width. Of those too close to each other the one that
 * somebody has named is named, or else the first.
 */
export function named(
  chapters: readonly Pick<Chapter, 'at_ms' | 'title'>[],
  ms: number,
  width: number,
  least: number,
): Named[] {
  const places = chapters.map(({ at_ms, title }, i) => ({ i, left: (at_ms / ms) * width, title }));
  const given = [...places.filter(({ title }) => title), ...places.filter(({ title }) => !title)];
  const chosen: typeof places = [];
  for (const place of given) {
    // A picture that is narrower than one name has that of its beginning.
    const last = width - place.left < least && place.left > 0;
    if (!last && chosen.every(({ left }) => Math.abs(left - place.left) >= least)) chosen.push(place);
  }
  chosen.sort((one, other) => one.left - other.left);
  return chosen.map(({ i, left }, n) => ({ i, left, room: (chosen[n + 1]?.left ?? width) - left }));
}

/** How far apart the times under a picture stand, so that each has `least` px. */
export function tickStep(ms: number, width: number, least = 72): number {
  const steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600].map((seconds) => seconds * 1_000);
  return steps.find((step) => (step / ms) * width >= least) ?? 7_200_000;
}

/** What happened at about one place of the picture. */
export interface Cluster {
  /** Of the first. */
  at: number;
  marks: MarkedMoment[];
}

/** Puts marks that would cover each other together. */
export function clusters(marks: readonly MarkedMoment[], ms: number, width: number, size: number): Cluster[] {
  const list: Cluster[] = [];
  for (const mark of marks) {
    const last = list.at(-1);
    if (last && ((mark.at_ms - last.at) / ms) * width < size) last.marks.push(mark);
    else list.push({ at: mark.at_ms, marks: [mark] });
  }
  return list;
}
