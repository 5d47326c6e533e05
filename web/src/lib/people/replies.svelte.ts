/** What people said to something, page by page, and what is being done about it just now. */

import { codeOf } from '$lib/account/loaded.svelte';
import type { Page } from '$lib/api/people';

export class ReplyPages<T extends { id: string }> {
  /** Null until they are there. */
  items = $state.raw<T[] | null>(null);
  /** Where the next page begins; null if there is none. */
  next = $state<string | null>(null);
  busy = $state(false);
  /** The code of what went wrong last. */
  wrong = $state<string | null>(null);

  constructor(private readonly page: (after: string | null) => Promise<Page<T>>) {}

  /** Reads from the beginning, or on. */
  async load(after: string | null = null): Promise<void> {
    const page = await this.page(after);
    this.items = after === null ? page.items : [...(this.items ?? []), ...page.items];
    this.next = page.next;
  }

  /** Does something, and keeps why it did not work. */
  async attempt(doing: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.wrong = null;
    try {
      await doing();
    } catch (error) {
      this.wrong = codeOf(error);
    } finally {
      this.busy = false;
    }
  }
}
