/** What speakers and chapters of a replay are called. */

import type { Chapter, Replay, ReplaySpeaker } from '$lib/api/replays';
import { firstName } from '$lib/people/pattern';
import { text } from '$lib/text';

export function speakerOf(replay: Pick<Replay, 'speakers'>, n: number | null): ReplaySpeaker | null {
  return replay.speakers.find((one) => one.n === n) ?? null;
}

/** The whole name; words for it where the reader may not know who it is. */
export function nameOf(speaker: Pick<ReplaySpeaker, 'name'> | null): string {
  return speaker?.name || text.replays.who.gone;
}

/** What stands where there is little room. A guest is called by the whole name, which may be a title. */
export function shortName(speaker: ReplaySpeaker | null): string {
  return speaker?.person && !speaker.guest ? firstName(speaker.name) : nameOf(speaker);
}

/** What a chapter is called: by the host, or after why it begins. */
export function chapterName(replay: Pick<Replay, 'speakers'>, chapter: Chapter): string {
  if (chapter.title) return chapter.title;
  const words = text.replays.chapters;
  const speaker = speakerOf(replay, chapter.speaker);
  switch (chapter.by) {
    case 'start':
      return words.start;
    case 'question':
      return words.question;
    case 'floor':
      return speaker ? words.floor(nameOf(speaker)) : words.silence;
    case 'speaker':
    case 'silence':
      return speaker ? words.speaker(nameOf(speaker)) : words.silence;
  }
}
