/** What the live socket of this page knows: the hallway, who is here, unread notices. One for all pages. */

import { hallwayRooms, type HallwayRoom, type Notice, type OnlinePerson } from '$lib/api/hallway';
import { notes } from '$lib/notes.svelte';
import { text } from '$lib/text';
import { calls } from './calls.svelte';
import { LiveSession, type LiveSocket, type LiveState, type LiveTold } from './session';

type Heard = (notice: Notice) => void;

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
        // The badge shows it; it is read out as well. A call has its own sheet.
        if (message.notice.kind !== 'call') {
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
    }
  }
}

export const live = new Live();

function openSocket(): LiveSocket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${location.host}/api/live`) as LiveSocket;
}
