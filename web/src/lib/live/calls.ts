/** Calls between two people, as one page sees them: who rings here, and whom one rings. It knows no UI. */

import type { Call, CallAnswer } from '$lib/api/hallway';
import type { Person } from '$lib/protocol/types';

/** For how long a call rings, in ms; the server ends it then too. */
export const RINGS = 60_000;
/** At most so many ring at once; of more, the newest are not shown (the inbox has them). */
export const MOST_RINGING = 5;

/** What became of a call that one made. */
export type Outcome = CallAnswer | 'unanswered';

/** What is told as it happens. */
export interface CallsListener {
  /** Who rings here now, first come first. */
  ringing(calls: Call[]): void;
  /** What became of a call that one made. */
  outcome(person: Person, room: string, outcome: Outcome): void;
  /** Nobody answered a call here in time. */
  missed(from: Person): void;
}

type Timer = ReturnType<typeof setTimeout>;

/** Invariant: each call here is forgotten exactly once: by an answer, or after {@link RINGS}. */
export class Calls {
  private incoming: { call: Call; timer: Timer }[] = [];
  private readonly outgoing = new Map<string, { person: Person; room: string; timer: Timer }>();

  constructor(private readonly listener: CallsListener) {}

  /** Somebody rings. The same call twice is one; so is a second call of the same person, of which the newer counts. */
  ring(call: Call): void {
    if (this.incoming.some((one) => one.call.id === call.id)) return;
    this.forget((one) => one.from.id === call.from.id);
    if (this.incoming.length >= MOST_RINGING) return;
    const timer = setTimeout(() => {
      this.settle(call.id);
      this.listener.missed(call.from);
    }, RINGS);
    this.incoming.push({ call, timer });
    this.tell();
  }

  /** A call here was answered. */
  settle(id: string): void {
    if (this.forget((call) => call.id === id)) this.tell();
  }

  /** One rings somebody. */
  rang(id: string, person: Person, room: string): void {
    const timer = setTimeout(() => this.close(id, 'unanswered'), RINGS);
    this.outgoing.set(id, { person, room, timer });
  }

  /** An answer came: to a call that one made, or to one that rings here and was answered elsewhere. */
  answered(id: string, answer: CallAnswer): void {
    this.settle(id);
    this.close(id, answer);
  }

  /** The server says that a call rings no more: it was answered on another page, or nobody answered in time. */
  over(id: string): void {
    this.settle(id);
    this.close(id, 'unanswered');
  }

  /** Forgets everything, without a word. */
  clear(): void {
    for (const { timer } of this.outgoing.values()) clearTimeout(timer);
    this.outgoing.clear();
    if (this.forget(() => true)) this.tell();
  }

  private close(id: string, outcome: Outcome): void {
    const made = this.outgoing.get(id);
    if (!made) return;
    clearTimeout(made.timer);
    this.outgoing.delete(id);
    this.listener.outcome(made.person, made.room, outcome);
  }

  private forget(which: (call: Call) => boolean): boolean {
    const gone = this.incoming.filter((one) => which(one.call));
    for (const { timer } of gone) clearTimeout(timer);
    this.incoming = this.incoming.filter((one) => !which(one.call));
    return gone.length > 0;
  }

  private tell(): void {
    this.listener.ringing(this.incoming.map((one) => one.call));
  }
}
