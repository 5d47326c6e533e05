/** People and rooms for tests. */

import type { NumberedEvent, Participant, Person, Question, RoomEvent, Snapshot } from '$lib/protocol/types';

export function person(handle: string): Person {
  return { id: `id-${handle}`, handle, name: handle[0]!.toUpperCase() + handle.slice(1), avatar: null };
}

export function participant(handle: string, number: number, more: Partial<Participant> = {}): Participant {
  return {
    person: person(handle),
    number,
    role: 'listener',
    connected: true,
    muted: false,
    mic: false,
    evidence: false,
    recorded: 'unasked',
    guest_of: null,
    ...more,
  };
}

/** A question that somebody has put before the talk. */
export function question(handle: string, number = 1, text = 'Why maps?'): Question {
  return { number, text, person: person(handle), votes: 3 };
}

/** Ada hosts; Ben, whose view this is, and Chen listen. */
export function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    seq: 10,
    now: 1_000,
    room: {
      id: 'room',
      title: 'Rust and other pastimes',
      kind: 'open',
      language: 'en',
      topics: [],
      house: null,
      opened_at: 0,
      evidence: false,
      recording: null,
      terms: null,
    },
    you: {
      person: person('ben'),
      number: 2,
      role: 'listener',
      role_epoch: 0,
      muted: false,
      mic: false,
      hand: null,
      offer: null,
    },
    stage: [participant('ada', 1, { role: 'host', mic: true })],
    settings: {
      hands: 'everyone',
      stage_locked: false,
      backchannel: false,
      slow_seconds: 0,
      timer: null,
      floor: null,
      links: [],
    },
    hands: [],
    offers: [],
    questions: [],
    question: null,
    called: [],
    waiting: [],
    bans: [],
    lines: [],
    audience: { count: 2, first: [participant('ben', 2), participant('chen', 3)] },
    ...more,
  };
}

/** Events numbered from `first`, one apart, at time 2000. */
export function numbered(first: number, ...events: RoomEvent[]): NumberedEvent[] {
  return events.map((event, i) => ({ seq: first + i, at: 2_000, event }));
}

/** Ben's role changed. */
export function benBecomes(
  role: Participant['role'],
  role_epoch: number,
  cause = 'hand_accepted' as const,
): RoomEvent {
  const by = 'id-ada';
  return {
    type: 'role_changed',
    person: person('ben'),
    number: 2,
    role,
    role_epoch,
    connected: true,
    guest_of: null,
    cause,
    by,
  };
}
