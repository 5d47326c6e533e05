/** The transcript of a replay, fetched page by page. */

import { replays, type TranscriptLine } from '$lib/api/replays';
import { keyOf } from './transcript';

/** More pages than a day of talk has: what goes beyond is not shown. */
const MOST_PAGES = 60;

export class Written {
  lines = $state.raw<TranscriptLine[]>([]);
  state = $state<'absent' | 'waiting' | 'ready'>('absent');
  /** The numbers of those whose part could not be written down. */
  failed = $state.raw<number[]>([]);
  private asked = '';

  /** Fetches all of it. It is an extra: where it does not come, the page is whole without it. */
  async load(replay: string, key: string | null): Promise<void> {
    this.asked = replay;
    const lines: TranscriptLine[] = [];
    try {
      let after: string | null = null;
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const part: Awaited<ReturnType<typeof replays.transcript>> = await replays.transcript(
          replay,
          key,
          after,
        );
        if (this.asked !== replay) return;
        lines.push(...part.items);
        this.state = part.state;
        this.failed = part.failed;
        after = part.next;
        if (after === null) break;
      }
    } catch {
      // What has come is shown.
    }
    if (this.asked === replay) this.lines = lines;
  }

  /** Takes a line as it is now. */
  put(line: TranscriptLine): void {
    this.lines = this.lines.map((one) => (keyOf(one) === keyOf(line) ? line : one));
  }

  clear(): void {
    this.asked = '';
    this.lines = [];
    this.failed = [];
    this.state = 'absent';
  }
}
