/** Call-ups to this member, as one page sees them: each rings until it is answered, taken back, or over. It knows no UI. */

import type { CallUpRoom, Person } from '$lib/protocol/types';

/** Somebody on stage asks the member into their talk. */
export interface CalledUp {
  room: CallUpRoom;
  by: Person;
  /** What it is about, if that was said. */
  context: string | null;
  /** Until when the place is kept, in ms since 1970. */
  until: number;
}

/** At most so many ring at once; of more, the newest are not shown (the inbox has them). */
export const MOST_CALL_UPS = 5;
/** The longest a call-up rings, in ms, whatever its end says: clocks of browsers are wrong at times. */
export const LONGEST_RING = 10 * 60_000;

/** What is told as it happens. */
export interface CallUpsListener {
  /** What rings here now, first come first. */
  ringing(list: CalledUp[]): void;
  /** One was over without an answer from this page; `missed` when its time ran out. */
  over(one: CalledUp, missed: boolean): void;
}

type Timer = ReturnType<typeof setTimeout>;

/** Invariant: there is at most one call-up of each room, and it is forgotten exactly once. */
export class CallUps {
  private list: { one: CalledUp; timer: Timer }[] = [];

  constructor(
    private readonly listener: CallUpsListener,
    private readonly now: () => number,
  ) {}

  /** A room calls. Told again, as after a lost connection, it is the same one with what is said of it now. */
  ring(one: CalledUp): void {
    const left = Math.min(one.until - this.now(), LONGEST_RING);
    const known = this.list.some((other) => other.one.room.id === one.room.id);
    if (left <= 0 || (!known && this.list.length >= MOST_CALL_UPS)) return;
    const timer = setTimeout(() => this.end(one.room.id, true), left);
    const entry = { one, timer };
    for (const other of this.list) if (other.one.room.id === one.room.id) clearTimeout(other.timer);
    this.list = known
      ? this.list.map((other) => (other.one.room.id === one.room.id ? entry : other))
      : [...this.list, entry];
    this.tell();
  }

  /** This page answered. */
  settle(room: string): void {
    if (this.forget(room)) this.tell();
  }

  /** It is over: answered on another page, taken back, or too late. */
  end(room: string, missed = false): void {
    const entry = this.forget(room);
    if (!entry) return;
    this.tell();
    this.listener.over(entry, missed);
  }

  /** Forgets everything, without a word. */
  clear(): void {
    for (const { timer } of this.list) clearTimeout(timer);
    if (this.list.length === 0) return;
    this.list = [];
    this.tell();
  }

  private forget(room: string): CalledUp | null {
    const entry = this.list.find(({ one }) => one.room.id === room);
    if (!entry) return null;
    clearTimeout(entry.timer);
    this.list = this.list.filter((other) => other !== entry);
    return entry.one;
  }

  private tell(): void {
    this.listener.ringing(this.list.map(({ one }) => one));
  }
}
