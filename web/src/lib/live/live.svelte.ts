/** What the live socket of this page knows: the hallway, who is here, unread notices. One for all pages. */

import { ApiError } from '$lib/api/client';
import { hallwayRooms, hide, type HallwayRoom, type Notice, type OnlinePerson } from '$lib/api/hallway';
import { notes } from '$lib/notes.svelte';
import { text } from '$lib/text';
import { calls } from './calls.svelte';
import { LiveSession, type LiveSocket, type LiveState, type LiveTold } from './session';

type Heard = (notice: Notice) => void;

/** Kinds of notices that ring, with a sheet of their own. */
const RINGING: ReadonlySet<string> = new Set(['call', 'called_up']);

class Live {
  /** Undefined until they are known. */
  rooms = $state.raw<HallwayRoom[] | undefined>(undefined);
  /** People one knows who are here now. Empty while the socket is down: nobody can say. */
  online = $state.raw<OnlinePerson[]>([]);
  /** Notices that are not read yet. */
  unread = $state(0);
  state = $state<LiveState>('connecting');
  /** The rooms shown may be old: nothing answers. */
  stale = $state(false);

  private readonly listeners = new Set<Heard>();

  /** Follows what happens, for the member who is signed in; returns what ends it. `ended` is told when the session is over. */
  follow(ended: () => void): () => void {
    this.rooms = undefined;
    this.online = [];
    this.unread = 0;
    this.stale = false;
    const session = new LiveSession(
      {
        open: openSocket,
        rooms: hallwayRooms,
        visible: () => document.visibilityState === 'visible',
        random: Math.random,
      },
      {
        state: (state) => {
          this.state = state;
          if (state === 'live') this.stale = false;
          else this.online = [];
          if (state === 'over') ended();
        },
        message: (message) => this.told(message),
        polled: (rooms) => {
          this.rooms = rooms;
          this.stale = false;
        },
        stale: () => (this.stale = true),
      },
    );
    session.start();

    const retry = () => document.visibilityState === 'visible' && session.retryNow();
    const gone = () => session.networkGone();
    window.addEventListener('online', retry);
    window.addEventListener('offline', gone);
    document.addEventListener('visibilitychange', retry);
    return () => {
      window.removeEventListener('online', retry);
      window.removeEventListener('offline', gone);
      document.removeEventListener('visibilitychange', retry);
      ended = () => undefined;
      session.stop();
      calls.clear();
    };
  }

  /** Takes a room out of this member's hallway, and offers to put it back. */
  async hide(room: string, title: string): Promise<void> {
    const was = this.rooms;
    this.rooms = was?.filter(({ id }) => id !== room);
    try {
      await hide(room, true);
      const act = { label: text.hallway.undo, do: () => this.unhide(room) };
      notes.tell(text.hallway.hidden(title), { matter: `hidden ${room}`, act });
    } catch (error) {
      this.rooms = was;
      notes.tell(text.error(error instanceof ApiError ? error.code : 'internal'));
    }
  }

  private async unhide(room: string): Promise<void> {
    try {
      await hide(room, false);
      this.rooms = await hallwayRooms();
    } catch (error) {
      notes.tell(text.error(error instanceof ApiError ? error.code : 'internal'));
    }
  }

  /** Tells a listener of every notice that comes in; returns what ends that. */
  onNotice(listener: Heard): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private told(message: LiveTold): void {
    switch (message.type) {
      case 'hallway':
        this.rooms = message.rooms;
        this.online = message.online;
        break;
      case 'notice':
        this.unread = message.unread;
        for (const listener of this.listeners) listener(message.notice);
        // The badge shows it; it is read out as well. Whoever rings has a sheet of their own.
        if (!RINGING.has(message.notice.kind)) {
          notes.tell(text.nav.notice, { shown: false, matter: 'notice' });
        }
        break;
      case 'unread':
        this.unread = message.unread;
        break;
      case 'call':
        calls.ring(message.call);
        break;
      case 'call_answered':
        calls.answered(message.id, message.answer);
        break;
      case 'call_over':
        calls.over(message.id);
        break;
      case 'called_up':
        calls.callUp(message);
        break;
      case 'call_up_ended':
        calls.callUpEnded(message.room);
        break;
    }
  }
}

export const live = new Live();

function openSocket(): LiveSocket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${location.host}/api/live`) as LiveSocket;
}
