/** The rooms that are live now, asked for every few seconds while somebody looks. */

import { api, ApiError, type RoomCard } from '$lib/api/client';

/** How often the hallway is asked for, in ms. */
const EVERY = 4_000;

class Rooms {
  /** Undefined until the first answer. */
  list = $state.raw<RoomCard[] | undefined>(undefined);
  /** Whether the last attempt failed. */
  stale = $state(false);
  /** Whether the sheet for starting a room is open. */
  starting = $state(false);

  async load(): Promise<void> {
    try {
      this.list = await api.rooms();
      this.stale = false;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.stale = true;
    }
  }

  /** Keeps the list fresh while the page is visible; returns what ends it. */
  follow(): () => void {
    const look = () => {
      if (document.visibilityState === 'visible') void this.load();
    };
    look();
    const timer = setInterval(look, EVERY);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }
}

export const rooms = new Rooms();
