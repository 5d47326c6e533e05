/** Calls as the pages show them: who rings here, ringing somebody, and what became of it. */

import { goto } from '$app/navigation';
import { ApiError } from '$lib/api/client';
import { answerCall, call, declineCallUp, type Call, type CallAnswer } from '$lib/api/hallway';
import { member } from '$lib/member.svelte';
import { notes } from '$lib/notes.svelte';
import { firstName } from '$lib/people/pattern';
import type { Person } from '$lib/protocol/types';
import { talk } from '$lib/room/talk.svelte';
import { text } from '$lib/text';
import { Calls, type Outcome } from './calls';
import { CallUps, type CalledUp } from './callups';
import { ring } from './ring';

const KEY = 'roomtone.ring';

class CallDesk {
  /** Who rings here now, first come first. */
  ringing = $state.raw<Call[]>([]);
  /** Who calls the member up into their talk, first come first. */
  calledUp = $state.raw<CalledUp[]>([]);
  /** The room into which the member goes to speak, as they said in its green room: they are not asked again inside. */
  speakingIn = $state<string | null>(null);
  /** Whether a call may be heard on this device. */
  aloud = $state(stored());
  /** Whom one is about to ring, by member id: pressing again meanwhile does nothing. */
  asking = $state<string | null>(null);

  private quiet: (() => void) | null = null;
  private readonly calls = new Calls({
    ringing: (ringing) => {
      this.ringing = ringing;
      this.sound();
    },
    outcome: (person, room, outcome) => told(person, room, outcome),
    missed: (from) => notes.tell(text.calls.missed(firstName(from.name))),
  });

  private readonly callUps = new CallUps(
    {
      ringing: (list) => {
        this.calledUp = list;
        this.sound();
      },
      over: ({ by, room }, missed) =>
        notes.tell(text.callUp[missed ? 'missed' : 'over'](firstName(by.name), room.title)),
    },
    () => Date.now(),
  );

  ring(call: Call): void {
    this.calls.ring(call);
  }

  answered(id: string, answer: CallAnswer): void {
    this.calls.answered(id, answer);
  }

  over(id: string): void {
    this.calls.over(id);
  }

  callUp(one: CalledUp): void {
    // Who is there already has been asked on the stage itself.
    if (!(talk.on && talk.roomId === one.room.id)) this.callUps.ring(one);
  }

  callUpEnded(room: string): void {
    this.callUps.end(room);
  }

  clear(): void {
    this.calls.clear();
    this.callUps.clear();
    this.speakingIn = null;
  }

  /** Lets calls be heard on this device, or not, now and for later visits. */
  setAloud(on: boolean): void {
    this.aloud = on;
    try {
      if (on) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, 'off');
    } catch {
      // Storage can be refused; the choice then lasts until the page is closed.
    }
    this.sound();
  }

  /** Opens a closed room with somebody, rings there, and goes in. */
  async talkWith(person: Person): Promise<void> {
    if (this.asking !== null) return;
    this.asking = person.id;
    try {
      const { id, room } = await call(person.handle);
      this.calls.rang(id, person, room);
      notes.tell(text.calls.rings(firstName(person.name)));
      await goto(`/room/${room}`);
    } catch (error) {
      notes.tell(text.error(error instanceof ApiError ? error.code : 'internal'));
    } finally {
      this.asking = null;
    }
  }

  /** Answers who rings here; accepting goes into the room. */
  async answer(one: Call, answer: CallAnswer): Promise<void> {
    this.calls.settle(one.id);
    try {
      const { room } = await answerCall(one.id, answer);
      if (answer === 'accepted') await goto(`/room/${room}`);
    } catch (error) {
      notes.tell(text.error(error instanceof ApiError ? error.code : 'internal'));
    }
  }

  /** Comes in to speak, from the green room of a call-up. */
  async comeUp({ room }: CalledUp): Promise<void> {
    this.speakingIn = room.id;
    this.callUps.settle(room.id);
    // The page of the room may be open already, at its end: then it does not enter by itself.
    if (member.me) talk.enter(room.id, member.me.id);
    await goto(`/room/${room.id}`);
  }

  async declineCallUp({ room }: CalledUp): Promise<void> {
    this.callUps.settle(room.id);
    try {
      await declineCallUp(room.id);
    } catch (error) {
      // Over already, which is what was wanted.
      if (error instanceof ApiError && error.status === 404) return;
      notes.tell(text.error(error instanceof ApiError ? error.code : 'internal'));
    }
  }

  /** Rings while somebody calls, unless the member listens to a room: that must not be disturbed. */
  private sound(): void {
    const wanted = this.aloud && this.ringing.length + this.calledUp.length > 0 && !talk.on;
    if (wanted === (this.quiet !== null)) return;
    this.quiet?.();
    this.quiet = wanted ? ring() : null;
  }
}

export const calls = new CallDesk();

function told(person: Person, room: string, outcome: Outcome): void {
  // Who comes in shows in the room itself; it is only read out there.
  const there = outcome === 'accepted' && talk.roomId === room;
  notes.tell(text.calls.outcomes[outcome](firstName(person.name)), { shown: !there, matter: room });
}

function stored(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}
