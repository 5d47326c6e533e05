/** Something that a page asks the server for, with what it shows until that is there and when it does not come. */

import { ApiError } from '$lib/api/client';

export class Loaded<T> {
  value = $state.raw<T | null>(null);
  /** Why it did not come, as a code. */
  trouble = $state<string | null>(null);

  constructor(private readonly ask: () => Promise<T>) {
    void this.load();
  }

  /** Asks, now or again. What is there already stays until the answer. */
  async load(): Promise<void> {
    try {
      this.value = await this.ask();
      this.trouble = null;
    } catch (error) {
      this.trouble = codeOf(error);
    }
  }
}

/** The code of a failure, for `text.error`. */
export function codeOf(error: unknown): string {
  return error instanceof ApiError ? error.code : 'internal';
}

/** Whether the server wants to be shown once more who asks: they signed in too long ago for what they asked. */
export function wantsProof(error: unknown): boolean {
  return codeOf(error) === 'sign_in_again';
}
