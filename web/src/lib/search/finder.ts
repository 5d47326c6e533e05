/** Searching while somebody types: not at every letter, and never showing an older answer after a newer one. */

import { ApiError } from '$lib/api/client';
import type { Found } from '$lib/api/people';

/** How long after the last letter it is asked, in ms. Longer spares the server, shorter answers sooner. */
export const PAUSE = 180;

/** What there is to show: nothing was asked, an answer to `words`, or why there is none. */
export type Outcome =
  | { kind: 'nothing' }
  | { kind: 'found'; words: string; found: Found }
  | { kind: 'failed'; words: string; code: string };

export class Finder {
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** What was asked last; an answer to anything else is late. */
  private asked = '';

  constructor(
    private readonly search: (words: string) => Promise<Found>,
    private readonly show: (outcome: Outcome) => void,
    private readonly busy: (busy: boolean) => void,
  ) {}

  /** Somebody typed. What is shown stays until there is an answer. */
  typed(text: string): void {
    this.cancel();
    const words = plain(text);
    if (words === this.asked) return;
    if (words === '') {
      this.asked = '';
      this.busy(false);
      this.show({ kind: 'nothing' });
      return;
    }
    this.timer = setTimeout(() => void this.ask(words), PAUSE);
  }

  /** Asks at once, as when Enter is pressed. */
  now(text: string): Promise<void> {
    this.cancel();
    const words = plain(text);
    return words === '' ? Promise.resolve() : this.ask(words);
  }

  cancel(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private async ask(words: string): Promise<void> {
    this.asked = words;
    this.busy(true);
    let outcome: Outcome;
    try {
      outcome = { kind: 'found', words, found: await this.search(words) };
    } catch (error) {
      outcome = { kind: 'failed', words, code: error instanceof ApiError ? error.code : 'internal' };
    }
    if (this.asked !== words) return;
    // What failed may be asked again with the same words.
    if (outcome.kind === 'failed') this.asked = '';
    this.busy(false);
    this.show(outcome);
  }
}

/** What is asked for: without spaces that say nothing. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
