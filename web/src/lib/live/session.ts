/**
 * The live socket of a page: the hallway, notices and calls as they happen. While it is down, the hallway is asked for every
 * few seconds instead. It knows no DOM: the socket, the requests, the timers and the dice are handed in.
 */

import { ApiError } from '$lib/api/client';
import type { HallwayRoom, LiveMessage } from '$lib/api/hallway';

/** First wait before another attempt, in ms; it doubles with each failure. */
export const FIRST_WAIT = 500;
/** Longest wait between two attempts, in ms. Longer spares a struggling server, shorter comes back sooner. */
export const LONGEST_WAIT = 15_000;
/** How often the hallway is asked for while the socket is down, in ms. */
export const POLL = 4_000;
/** The server beats every 10 s: after this silence, in ms, the socket is taken for dead. */
export const SILENCE = 25_000;
/** An attempt that has not opened by then, in ms, is given up. */
const OPENING = 8_000;
/** The longest, in s, that a full server may ask to stay away. */
const LONGEST_FULL_WAIT = 60;

/** `live`: over the socket. `polling`: it is down, and the hallway is asked for. `over`: nobody is signed in any more. */
export type LiveState = 'connecting' | 'live' | 'polling' | 'over';

/** The part of `WebSocket` that is used. */
export interface LiveSocket {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  close(): void;
}

/** What a session needs from outside. */
export interface LiveSurroundings {
  open(): LiveSocket;
  rooms(): Promise<HallwayRoom[]>;
  /** Whether anybody can see the page: if not, nothing is asked for. */
  visible(): boolean;
  /** A number from 0 up to 1. */
  random(): number;
}

/** What a session tells. */
export interface LiveListener {
  state(state: LiveState): void;
  /** What the server says; never a beat or a bye. */
  message(message: LiveTold): void;
  /** The rooms as they were asked for while the socket was down. */
  polled(rooms: HallwayRoom[]): void;
  /** Asking failed too: what is shown may be old. */
  stale(code: string): void;
}

export type LiveTold = Exclude<LiveMessage, { type: 'bye' | 'beat' }>;

type Timer = ReturnType<typeof setTimeout>;

export class LiveSession {
  state: LiveState = 'connecting';

  private socket: LiveSocket | null = null;
  private failures = 0;
  private timer: Timer | null = null;
  private poll: Timer | null = null;
  private known = false;

  /** Call {@link start} next. */
  constructor(
    private readonly around: LiveSurroundings,
    private readonly listener: LiveListener,
  ) {}

  start(): void {
    this.connect();
  }

  /** Ends it for good. */
  stop(): void {
    this.drop();
    this.stopPolling();
    this.set('over');
  }

  /** The network came back, or the page is looked at again: tries at once instead of waiting. */
  retryNow(): void {
    if (this.state === 'live' || this.state === 'over') return;
    this.failures = 0;
    this.connect();
    if (this.poll !== null) this.pollAfter(0);
  }

  /** The system says that there is no network: nothing comes over the socket any more. */
  networkGone(): void {
    if (this.state === 'live') this.lost();
  }

  private connect(): void {
    this.drop();
    const socket = this.around.open();
    this.socket = socket;
    this.arm(OPENING, () => this.lost());
    // Open is not enough: a proxy may answer for a server that is away. The first message counts.
    socket.onmessage = ({ data }) => {
      this.arm(SILENCE, () => this.lost());
      const message = read(data);
      if (!message) return;
      if (message.type === 'bye') this.bye(message);
      else this.heard(message);
    };
    socket.onclose = () => this.lost();
  }

  private heard(message: Exclude<LiveMessage, { type: 'bye' }>): void {
    this.failures = 0;
    this.stopPolling();
    this.set('live');
    if (message.type === 'beat') return;
    if (message.type === 'hallway') this.known = true;
    this.listener.message(message);
  }

  private bye({ code, retry_after }: Extract<LiveMessage, { type: 'bye' }>): void {
    if (code === 'session_ended') this.stop();
    else if (code === 'replaced') this.rest();
    else if (code === 'server_full') this.lost(Math.min(retry_after ?? 10, LONGEST_FULL_WAIT) * 1_000);
    // Any other is followed by the socket's end, which does the rest.
  }

  /** Other pages of the member took its place, so it does not take it back before somebody looks at this page again. */
  private rest(): void {
    this.drop();
    this.set('polling');
    this.pollAfter(POLL);
  }

  /** The socket is gone, or is taken for gone; `wait` is how long, in ms, the server wants to be left alone. */
  private lost(wait = 0): void {
    this.drop();
    this.set('polling');
    const backOff = Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT);
    this.failures = Math.min(this.failures + 1, 10);
    // Jitter over the upper half: not everybody may come back in the same millisecond.
    this.arm(Math.max(wait, backOff) * (0.5 + this.around.random() / 2) + wait / 2, () => this.connect());
    // Who sees nothing yet asks at once; who sees an old hallway can wait, so that a restart is not a rush.
    if (this.poll === null) this.pollAfter(this.known ? POLL : 0);
  }

  private pollAfter(ms: number): void {
    if (this.poll !== null) clearTimeout(this.poll);
    this.poll = setTimeout(() => void this.ask(), ms);
  }

  private async ask(): Promise<void> {
    const mine = this.poll;
    try {
      const rooms = this.around.visible() ? await this.around.rooms() : null;
      if (this.poll !== mine) return;
      if (rooms) {
        this.known = true;
        this.listener.polled(rooms);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.poll !== mine) return;
      if (error.status === 401) return this.stop();
      this.listener.stale(error.code);
    }
    this.pollAfter(POLL);
  }

  private stopPolling(): void {
    if (this.poll !== null) clearTimeout(this.poll);
    this.poll = null;
  }

  private set(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    this.listener.state(state);
  }

  /** One timer serves all: either an attempt is running, or a wait, or a silence is measured. */
  private arm(ms: number, act: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(act, ms);
  }

  private drop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

/** What this client knows; a type that is missing here does not compile. */
const TYPES: Record<LiveMessage['type'], true> = {
  hallway: true,
  notice: true,
  unread: true,
  call: true,
  call_answered: true,
  call_over: true,
  called_up: true,
  call_up_ended: true,
  bye: true,
  beat: true,
};

/** A message, or null for what is not one: newer servers may say more than this client knows. */
function read(data: unknown): LiveMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data) as { type?: unknown } | null;
    return typeof message?.type === 'string' && Object.hasOwn(TYPES, message.type)
      ? (message as LiveMessage)
      : null;
  } catch {
    return null;
  }
}
