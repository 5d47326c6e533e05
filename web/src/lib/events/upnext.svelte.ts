/** The events that stand in the hallway. One for all pages. */

import { events, type EventCard } from '$lib/api/events';
import type { Notice } from '$lib/api/hallway';
import { choose } from './upnext';

/** How old what is shown may be when somebody comes back to the page, in ms. */
const FRESH = 60_000;

class UpNext {
  list = $state.raw<EventCard[]>([]);
  private asked = 0;

  /** Keeps the list as it is; `notices` gives every notice that comes in, and returns what ends that. Returns what ends it all. */
  follow(notices: (heard: (notice: Notice) => void) => () => void): () => void {
    void this.load();
    const back = () => {
      if (document.visibilityState === 'visible' && Date.now() - this.asked > FRESH) void this.load();
    };
    document.addEventListener('visibilitychange', back);
    const quiet = notices((notice) => {
      if (notice.event) void this.load();
    });
    return () => {
      document.removeEventListener('visibilitychange', back);
      quiet();
    };
  }

  /** Asks, now or again. Without an answer what is there stays: the hallway is whole without it. */
  async load(): Promise<void> {
    this.asked = Date.now();
    const around = { box: 'upcoming' } as const;
    try {
      const [dated, undated] = await Promise.all([
        events.list(around, null, true),
        events.list(around, null, false),
      ]);
      this.list = choose(dated.items, undated.items);
    } catch {
      // It is asked again.
    }
  }
}

export const upNext = new UpNext();
