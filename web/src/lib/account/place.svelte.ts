/** What anybody may know of this server, asked for once. */

import { account, type Place } from '$lib/api/account';

class PlaceState {
  /** Null until it is known; the pages do without. */
  known = $state.raw<Place | null>(null);
  private asked = false;

  /** Asks, unless it was asked for already. */
  async load(): Promise<void> {
    if (this.asked) return;
    this.asked = true;
    await this.again();
  }

  /** Asks in any case: it has just been changed. */
  async again(): Promise<void> {
    try {
      this.known = await account.place();
    } catch {
      // It only makes the pages nicer: the next one asks again.
      this.asked = false;
    }
  }
}

export const place = new PlaceState();
