/**
 * What one viewer knows of a room: a snapshot, and the events folded into it. Pure: no clock, no network, no DOM.
 * The server folds the same events for the same viewer (`room::view`).
 */

import {
  onStage,
  type Events,
  type Hand,
  type Offer,
  type Participant,
  type Person,
  type RoomEvent,
  type RoomInfo,
  type Snapshot,
  type You,
} from '$lib/protocol/types';

/** How many listeners a snapshot holds by name; the others come in pages from the roster. */
export const FIRST_LISTENERS = 60;

export interface RoomState {
  /** The number up to which events are folded. */
  seq: number;
  room: RoomInfo;
  you: You;
  /** In the order in which they came on stage. */
  stage: Participant[];
  /** In their order; complete for moderators, empty for others. */
  hands: Hand[];
  offers: Offer[];
  /** `first` are the first listeners by number; `count` is how many there are. */
  audience: { count: number; first: Participant[] };
  ended: boolean;
}

/** The state after a snapshot, which replaces whatever was known. */
export function fromSnapshot(snapshot: Snapshot): RoomState {
  const { seq, room, you, stage, hands, offers, audience } = snapshot;
  return { seq, room, you, stage, hands, offers, audience, ended: false };
}

/**
 * The state after a batch of events, or null when the batch does not follow on from `state`: then a snapshot is
 * needed. A batch that was already folded changes nothing. `me` is the viewer's member id.
 */
export function foldBatch(state: RoomState, batch: Events, me: string): RoomState | null {
  if (batch.after > state.seq) return null;
  if (batch.seq < state.seq) return state;
  let next = state;
  for (const { seq, at, event } of batch.events) {
    if (seq > state.seq) next = fold(next, event, at, me);
  }
  return { ...next, seq: batch.seq, audience: { ...next.audience, count: batch.audience_count } };
}

/** The state after one event that happened at `at`. An event about somebody unknown changes nothing of theirs. */
export function fold(state: RoomState, event: RoomEvent, at: number, me: string): RoomState {
  switch (event.type) {
    case 'entered':
      return withListener(state, {
        person: event.person,
        number: event.number,
        role: 'listener',
        connected: true,
        muted: false,
        mic: false,
      });
    case 'connection_lost':
      return patch(state, event.member, { connected: false });
    case 'returned':
      return patch(state, event.member, { connected: true });
    case 'left':
      return withoutAsking(without(state, event.member), event.member);
    case 'hand_raised': {
      const { person, question } = event;
      const hands = [...state.hands.filter((hand) => hand.person.id !== person.id), { person, question, at }];
      if (person.id !== me) return { ...state, hands };
      return { ...state, you: { ...state.you, hand: { question, at } } };
    }
    case 'hand_lowered': {
      const hands = state.hands.filter((hand) => hand.person.id !== event.member);
      const you = event.member === me ? { ...state.you, hand: null } : state.you;
      return { ...state, hands, you };
    }
    case 'stage_offered': {
      const { person, by } = event;
      if (person.id === me) return { ...state, you: { ...state.you, offer: by } };
      return {
        ...state,
        offers: [...state.offers.filter((offer) => offer.person.id !== person.id), { person, by }],
      };
    }
    case 'offer_ended': {
      const offers = state.offers.filter((offer) => offer.person.id !== event.member);
      const you = event.member === me ? { ...state.you, offer: null } : state.you;
      return { ...state, offers, you };
    }
    case 'role_changed':
      return withRole(state, event, me);
    case 'muted':
    case 'unmuted': {
      const change = event.type === 'muted' ? { muted: true, mic: false } : { muted: false };
      const next = patch(state, event.member, change);
      if (event.member !== me) return next;
      return { ...next, you: { ...next.you, ...change, role_epoch: event.role_epoch } };
    }
    case 'mic_changed': {
      const next = patch(state, event.member, { mic: event.open });
      return event.member === me ? { ...next, you: { ...next.you, mic: event.open } } : next;
    }
    case 'ended':
      return { ...state, ended: true };
  }
}

/** The state after somebody, wherever they are in it, is called or looks otherwise. */
export function withName(state: RoomState, person: Person): RoomState {
  const now = <T extends { person: Person }>(one: T): T =>
    one.person.id === person.id ? { ...one, person } : one;
  const { you } = state;
  return {
    ...patch(state, person.id, { person }),
    you: { ...now(you), offer: you.offer?.id === person.id ? person : you.offer },
    hands: state.hands.map(now),
    offers: state.offers.map((offer) => ({
      ...now(offer),
      by: offer.by.id === person.id ? person : offer.by,
    })),
  };
}

/** Finds somebody by name in what is known: the stage and the first listeners. */
export function find(state: RoomState, member: string): Participant | undefined {
  return (
    state.stage.find((one) => one.person.id === member) ??
    state.audience.first.find((one) => one.person.id === member)
  );
}

function withRole(
  state: RoomState,
  event: Extract<RoomEvent, { type: 'role_changed' }>,
  me: string,
): RoomState {
  const { person, number, role, role_epoch, connected } = event;
  const before = find(state, person.id);
  const stays = before !== undefined && onStage(before.role) && onStage(role);
  const changed: Participant = {
    person,
    number,
    role,
    connected,
    muted: stays && before.muted,
    mic: stays && before.mic,
  };
  let next: RoomState;
  if (stays) {
    // A new role on stage keeps the place there.
    next = { ...state, stage: state.stage.map((one) => (one.person.id === person.id ? changed : one)) };
  } else if (onStage(role)) {
    next = without(state, person.id);
    next = withoutAsking({ ...next, stage: [...next.stage, changed] }, person.id);
  } else {
    next = withListener(without(state, person.id), changed);
  }
  if (person.id !== me) return next;
  const asking = onStage(role) ? { hand: null, offer: null } : {};
  return {
    ...next,
    you: { ...next.you, number, role, role_epoch, muted: changed.muted, mic: changed.mic, ...asking },
  };
}

function withListener(state: RoomState, listener: Participant): RoomState {
  const others = state.audience.first.filter((one) => one.person.id !== listener.person.id);
  const first = [...others, listener].sort((a, b) => a.number - b.number).slice(0, FIRST_LISTENERS);
  return { ...state, audience: { ...state.audience, first } };
}

function without(state: RoomState, member: string): RoomState {
  const stage = state.stage.filter((one) => one.person.id !== member);
  const first = state.audience.first.filter((one) => one.person.id !== member);
  return { ...state, stage, audience: { ...state.audience, first } };
}

/** Without the member's hand and offer. */
function withoutAsking(state: RoomState, member: string): RoomState {
  return {
    ...state,
    hands: state.hands.filter((hand) => hand.person.id !== member),
    offers: state.offers.filter((offer) => offer.person.id !== member),
  };
}

function patch(state: RoomState, member: string, change: Partial<Participant>): RoomState {
  const apply = (one: Participant) => (one.person.id === member ? { ...one, ...change } : one);
  return {
    ...state,
    stage: state.stage.map(apply),
    audience: { ...state.audience, first: state.audience.first.map(apply) },
  };
}
