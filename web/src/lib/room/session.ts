/**
 * The control socket of one room: connecting, resuming, folding, and commands that survive a lost connection.
 * It knows no DOM: the socket, the timers and the dice are handed in, so that tests run in virtual time.
 *
 * Invariant: a command is settled exactly once: by its answer, or by the end of the session.
 */

import { ApiError } from '$lib/api/client';
import type {
  ByeCode,
  ClientMessage,
  Command,
  Events,
  Hearers,
  LegEndCode,
  LegKind,
  ServerMessage,
} from '$lib/protocol/types';
import { foldBatch, forgetting, fromSnapshot, withName, type RoomState } from './reducer';

/** Longest wait between two attempts, in ms. Longer spares a struggling server, shorter comes back sooner. */
export const LONGEST_WAIT = 3_000;
/** First wait, in ms; it doubles with each failure. */
const FIRST_WAIT = 250;
/** The server beats every 8 s: after this silence, in ms, the socket is taken for dead. */
export const SILENCE = 25_000;
/** When there is reason to doubt the socket, it has so long, in ms, to give a sign of life. */
export const DOUBT = 3_000;
/** An attempt that has not opened by then, in ms, is given up. */
const OPENING = 8_000;
/** How long, in s, to stay away from a full server that does not say. */
export const FULL_WAIT = 10;
/** The longest, in s, that a full server may ask to stay away. */
const LONGEST_FULL_WAIT = 60;
/** Commands that may wait for an answer at once; further ones are refused. No more than the server remembers of one member. */
const MOST_WAITING = 32;

/** Why a session is over for good. */
export type EndCode =
  Exclude<ByeCode, 'too_slow' | 'shutting_down' | 'server_full'> | 'not_found' | 'house_rules' | 'signed_out';
/**
 * Where the session stands. `full`: the server takes nobody more just now; the session comes again by itself. `waiting`:
 * a guest has knocked, and a moderator decides.
 */
export type Connection = 'connecting' | 'waiting' | 'connected' | 'reconnecting' | 'full' | 'over';

/** The part of `WebSocket` that is used. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** What a session needs from outside. */
export interface Surroundings {
  /** Opens a socket; `since` is the number to resume from, or null. */
  open(since: number | null): Socket;
  /** Why the room cannot be entered, asked when a first attempt fails; null when it can, or nobody knows. */
  refusal(): Promise<EndCode | null>;
  newId(): string;
  /** A number from 0 up to 1. */
  random(): number;
}

/** What a session tells. `state` is told with the events that led to it; none for a snapshot. */
export interface Listener {
  connection(connection: Connection): void;
  state(state: RoomState, before: RoomState | null, batch: Events | null): void;
  legEnded(leg: string, kind: LegKind, code: LegEndCode): void;
  /** A guest waits to be let in; the pass lasts until then, in ms since 1970. And to whom the replay is open, if the room is recorded. */
  waiting(until: number, recording: Hearers | null): void;
  /** The server is full, and will be asked again in so many ms. */
  full(ms: number): void;
  over(code: EndCode): void;
  /** What goes on around the talk, and the snapshots, which have the last of it. */
  around(message: Around): void;
}

/** The messages about what goes on around the talk. */
export type Around = Extract<ServerMessage, { type: 'snapshot' | 'chatter' | 'captions' }>;
/** What is sent around the talk and not answered: it is lost with the connection. */
export type Aside = Extract<ClientMessage, { type: 'react' | 'caption' | 'want_captions' }>;
/** What is answered, but not remembered by the server as commands are. */
export type Line = { type: 'say'; text: string } | { type: 'remove_line'; line: number };

interface Waiting {
  frame: string;
  /** Not to be sent again after a lost connection: it might be done twice. */
  once?: boolean;
  resolve(seq: number): void;
  reject(error: ApiError): void;
}

type Timer = ReturnType<typeof setTimeout>;

export class RoomSession {
  connection: Connection = 'connecting';
  state: RoomState | null = null;

  private socket: Socket | null = null;
  private failures = 0;
  private resyncing = false;
  private timer: Timer | null = null;
  private readonly waiting = new Map<string, Waiting>();

  /** `me` is the viewer's member id. Call {@link start} next. */
  constructor(
    private readonly me: string,
    private readonly around: Surroundings,
    private readonly listener: Listener,
  ) {}

  start(): void {
    this.connect();
  }

  /** Sends a command. Resolves with its event number once durable; rejects with an `ApiError` when refused. */
  send(command: Command): Promise<number> {
    if (this.connection === 'over' || !this.state) {
      return Promise.reject(new ApiError('not_in_room', 'not in the room', 0));
    }
    if (this.waiting.size >= MOST_WAITING) return Promise.reject(new ApiError('busy', 'too many at once', 0));
    const id = this.around.newId();
    const frame = write({ type: 'command', id, role_epoch: this.state.you.role_epoch, command });
    const settled = new Promise<number>((resolve, reject) =>
      this.waiting.set(id, { frame, resolve, reject }),
    );
    if (this.connection === 'connected') this.socket?.send(frame);
    return settled;
  }

  /** Writes or removes a line of the backchannel. Rejects with `unreachable` when the connection is lost meanwhile. */
  line(line: Line): Promise<number> {
    if (this.connection !== 'connected' || this.waiting.size >= MOST_WAITING) {
      return Promise.reject(new ApiError('unreachable', 'not connected', 0));
    }
    const id = this.around.newId();
    const frame = write({ ...line, id });
    const settled = new Promise<number>((resolve, reject) =>
      this.waiting.set(id, { frame, resolve, reject, once: true }),
    );
    this.socket?.send(frame);
    return settled;
  }

  /** Asks for a snapshot. */
  refresh(): void {
    if (this.connection === 'connected') this.socket?.send(write({ type: 'resync' }));
  }

  /** Sends what needs no answer, if there is a connection. Whether there is. */
  aside(message: Aside): boolean {
    if (this.connection !== 'connected') return false;
    this.socket?.send(write(message));
    return true;
  }

  /** The network came back, or is another one now: tries at once instead of waiting. */
  retryNow(): void {
    this.doubt();
    if (this.connection !== 'connected' && this.connection !== 'over') {
      this.failures = 0;
      this.connect();
    }
  }

  /** The system says that there is no network: nothing comes over the socket any more. */
  networkGone(): void {
    if (this.connection === 'connected' || this.connection === 'waiting') this.lost();
  }

  /**
   * Something else over the same network broke, so the socket may have died as well, which it does not notice by
   * itself: asks the server for a sign of life.
   */
  doubt(): void {
    if (this.connection !== 'connected') return;
    this.socket?.send(write({ type: 'resync' }));
    this.arm(DOUBT, () => this.lost());
  }

  /** Leaves for good, telling the server if it can be told. */
  leave(): void {
    if (this.connection === 'over') return;
    if (this.connection === 'connected' && this.state) {
      const { role_epoch } = this.state.you;
      this.socket?.send(
        write({ type: 'command', id: this.around.newId(), role_epoch, command: { type: 'leave' } }),
      );
    }
    this.finish('left');
  }

  /** Gives the place up to another player of the same member, without a word: the member stays in the room there. */
  giveWay(): void {
    if (this.connection !== 'over') this.finish('replaced');
  }

  private connect(): void {
    this.dropSocket();
    const socket = this.around.open(this.state?.seq ?? null);
    this.socket = socket;
    this.arm(OPENING, () => this.lost());
    socket.onopen = () => {
      this.heard();
      // Resumed: what is missing arrives as events. A first connection waits for its snapshot, and one that was refused
      // may be refused again.
      if (this.state && this.connection !== 'full') this.connected();
    };
    socket.onmessage = ({ data }) => {
      this.heard();
      const message = read(data);
      if (message) this.receive(message);
    };
    socket.onclose = () => this.lost();
  }

  private receive(message: ServerMessage): void {
    switch (message.type) {
      case 'snapshot': {
        this.resyncing = false;
        this.show(fromSnapshot(message, this.state), null);
        this.listener.around(message);
        if (this.connection !== 'connected') this.connected();
        break;
      }
      case 'events': {
        const next = this.state && foldBatch(this.state, message, this.me);
        if (next) {
          this.show(next, message);
          if (this.connection !== 'connected') this.connected();
        } else if (!this.resyncing) {
          this.resyncing = true;
          if (this.state) this.state = forgetting(this.state, message);
          this.socket?.send(write({ type: 'resync' }));
        }
        break;
      }
      case 'answer': {
        const waiting = this.waiting.get(message.id);
        this.waiting.delete(message.id);
        const { error } = message;
        if (error) waiting?.reject(new ApiError(error.code, error.message, 0));
        else waiting?.resolve(message.seq ?? 0);
        break;
      }
      case 'renamed':
        if (this.state) this.show(withName(this.state, message.person), null);
        break;
      case 'chatter':
      case 'captions':
        this.listener.around(message);
        break;
      case 'leg_ended':
        this.listener.legEnded(message.leg, message.kind, message.code);
        break;
      case 'bye':
        if (message.code === 'server_full') this.full(message.retry_after ?? FULL_WAIT);
        // The two that say "come again" are followed by the socket's end, which does the rest.
        else if (message.code !== 'too_slow' && message.code !== 'shutting_down') this.finish(message.code);
        break;
      case 'waiting':
        this.failures = 0;
        this.set('waiting');
        this.listener.waiting(message.until, message.recording);
        break;
      case 'beat':
        break;
    }
  }

  private show(state: RoomState, batch: Events | null): void {
    const before = this.state;
    this.state = state;
    this.listener.state(state, before, batch);
  }

  private connected(): void {
    this.failures = 0;
    this.resyncing = false;
    this.set('connected');
    for (const { frame } of this.waiting.values()) this.socket?.send(frame);
  }

  /** The socket is gone, or is taken for gone. */
  private lost(): void {
    this.dropSocket();
    for (const [id, { once, reject }] of this.waiting) {
      if (!once) continue;
      this.waiting.delete(id);
      reject(new ApiError('unreachable', 'the connection was lost', 0));
    }
    this.set('reconnecting');
    const first = this.failures === 0;
    const wait = Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT);
    this.failures = Math.min(this.failures + 1, 10);
    // Jitter over the upper half: a whole room must not come back in the same millisecond.
    this.arm(wait * (0.5 + this.around.random() / 2), () => this.connect());
    // A browser does not say why a socket was refused, so the reason is asked for.
    if (!this.state || !first) void this.askWhy();
  }

  /** Stays away for so many seconds, and up to a quarter more: all who were sent away must not come back at once. */
  private full(seconds: number): void {
    this.dropSocket();
    this.failures = 0;
    const wait = Math.min(Math.max(seconds, 1), LONGEST_FULL_WAIT) * 1_000 * (1 + this.around.random() / 4);
    this.set('full');
    this.listener.full(wait);
    this.arm(wait, () => this.connect());
  }

  private async askWhy(): Promise<void> {
    const code = await this.around.refusal();
    if (code && this.connection === 'reconnecting') this.finish(code);
  }

  private finish(code: EndCode): void {
    this.dropSocket();
    this.set('over');
    for (const { reject } of this.waiting.values())
      reject(new ApiError('not_in_room', 'the room was left', 0));
    this.waiting.clear();
    this.listener.over(code);
  }

  private set(connection: Connection): void {
    if (this.connection === connection) return;
    this.connection = connection;
    this.listener.connection(connection);
  }

  private heard(): void {
    this.arm(SILENCE, () => this.lost());
  }

  /** One timer serves all: either an attempt is running, or a wait, or a silence is measured. */
  private arm(ms: number, act: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(act, ms);
  }

  private dropSocket(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

function write(message: ClientMessage): string {
  return JSON.stringify(message);
}

/** A message, or null for what is not one: newer servers may say more than this client knows. */
function read(data: unknown): ServerMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === 'object' && message !== null && 'type' in message
      ? (message as ServerMessage)
      : null;
  } catch {
    return null;
  }
}
