/**
 * What one viewer knows of a room: a snapshot, and the events folded into it. Pure: no clock, no network, no DOM.
 * The server folds the same events for the same viewer (`room::view`).
 */

import {
  moderates,
  onStage,
  type Banned,
  type CallUp,
  type Consent,
  type Events,
  type Hand,
  type Offer,
  type Participant,
  type Person,
  type Question,
  type Recording,
  type Role,
  type RoomEvent,
  type RoomInfo,
  type Settings,
  type Snapshot,
  type WaitingGuest,
  type You,
} from '$lib/protocol/types';

/** How many of those who have left are remembered by name. */
const MOST_GONE = 50;

/** How many listeners a snapshot holds by name; the others come in pages from the roster. */
export const FIRST_LISTENERS = 60;

export interface RoomState {
  /** The number up to which events are folded. */
  seq: number;
  room: RoomInfo;
  you: You;
  /** In the order in which they came on stage. */
  stage: Participant[];
  /** What moderators set, and everybody sees. */
  settings: Settings;
  /** In their order; complete for moderators, empty for others. */
  hands: Hand[];
  offers: Offer[];
  /** The questions that are not settled, by rank; complete for moderators, empty for others. */
  questions: Question[];
  /** The one that is being answered. */
  question: Question | null;
  /** Who was called up and has not come; complete for moderators, empty for others. */
  called: CallUp[];
  /** The guests who wait to be let in; complete for moderators, empty for others. */
  waiting: WaitingGuest[];
  /** Who is banned, newest first, at most the last hundred; empty unless the viewer is a moderator. */
  bans: Banned[];
  /** Who has left and was known by name, the last first; they are remembered for as long as this page is in the room. */
  gone: Person[];
  /** The replay that was recorded last, as far as this page has seen it begin or go on. */
  replay: string | null;
  /** `first` are the first listeners by number; `count` is how many there are. */
  audience: { count: number; first: Participant[] };
  ended: boolean;
}

/** The state after a snapshot, which replaces whatever was known `before` but for who has left. */
export function fromSnapshot(snapshot: Snapshot, before: RoomState | null = null): RoomState {
  const { seq, room, you, stage, settings, hands, offers, questions, question } = snapshot;
  const { called, waiting, bans, audience } = snapshot;
  const here = new Set([...stage, ...audience.first].map(({ person }) => person.id));
  const gone = before?.gone.filter(({ id }) => !here.has(id)) ?? [];
  return {
    seq,
    room,
    you,
    stage,
    settings,
    hands,
    offers,
    questions,
    question,
    called,
    waiting,
    bans,
    gone,
    replay: room.recording?.replay ?? before?.replay ?? null,
    audience,
    ended: false,
  };
}

/**
 * The state after a batch of events, or null when the batch does not follow on from `state`: then a snapshot is
 * needed. The same holds when somebody's words are gone from the room, which are not known by their writer everywhere.
 * A batch that was already folded changes nothing. `me` is the viewer's member id.
 */
export function foldBatch(state: RoomState, batch: Events, me: string): RoomState | null {
  if (batch.after > state.seq) return null;
  if (batch.seq < state.seq) return state;
  let next = state;
  for (const { seq, at, event } of batch.events) {
    if (seq <= state.seq) continue;
    if (event.type === 'forgotten') return null;
    next = fold(next, event, at, me);
  }
  return { ...next, seq: batch.seq, audience: { ...next.audience, count: batch.audience_count } };
}

/** Without the names of those who left and whose account is gone by a batch, which is not folded itself. */
export function forgetting(state: RoomState, batch: Events): RoomState {
  const members = new Set(
    batch.events.map(({ event }) => (event.type === 'forgotten' ? event.member : null)),
  );
  return { ...state, gone: state.gone.filter(({ id }) => !members.has(id)) };
}

/** The state after one event that happened at `at`. An event about somebody unknown changes nothing of theirs. */
export function fold(state: RoomState, event: RoomEvent, at: number, me: string): RoomState {
  switch (event.type) {
    case 'entered': {
      const gone = state.gone.filter(({ id }) => id !== event.person.id);
      return withListener(
        { ...state, gone },
        {
          person: event.person,
          number: event.number,
          role: 'listener',
          connected: true,
          muted: false,
          mic: false,
          evidence: false,
          recorded: 'unasked',
          guest_of: event.guest_of,
        },
      );
    }
    case 'connection_lost':
      return patch(state, event.member, { connected: false });
    case 'returned':
      return patch(state, event.member, { connected: true });
    case 'left': {
      const was = find(state, event.member);
      const others = state.gone.filter(({ id }) => id !== event.member);
      // A guest is gone with the link: there is nobody to keep out.
      const gone = was && !was.guest_of ? [was.person, ...others].slice(0, MOST_GONE) : others;
      const next = withoutAsking(without({ ...state, gone }, event.member), event.member);
      return withoutFloor(next, event.member);
    }
    case 'hand_raised': {
      const { person, question, place, spoken } = event;
      if (person.id !== me) return withHand(state, { person, question, at, spoken }, place);
      return { ...state, you: { ...state.you, hand: { question, at } } };
    }
    case 'hand_moved': {
      // Its owner is told as well, who sees no queue.
      const hand = state.hands.find(({ person }) => person.id === event.member);
      return hand ? withHand(state, hand, event.place) : state;
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
    case 'described': {
      const { title, topics, language } = event;
      return { ...state, room: { ...state.room, title, topics, language } };
    }
    case 'widened':
      return { ...state, room: { ...state.room, kind: event.kind } };
    case 'hands_ruled':
      return set(state, { hands: event.rule });
    case 'stage_locked':
      return set(state, { stage_locked: event.locked });
    case 'backchannel_set':
      return set(state, { backchannel: event.open, slow_seconds: event.slow_seconds });
    case 'timer_set':
      return set(state, { timer: event.until });
    case 'link_pinned': {
      const { number, url, label } = event;
      return set(state, { links: [...state.settings.links, { number, url, label }] });
    }
    case 'link_unpinned':
      return set(state, { links: state.settings.links.filter(({ number }) => number !== event.number) });
    case 'floor_given':
      return set(state, { floor: event.member });
    case 'evidence_set': {
      // Whoever agreed before is asked anew.
      const stage = state.stage.map((one) => ({ ...one, evidence: false }));
      return { ...state, room: { ...state.room, evidence: event.on }, stage };
    }
    case 'evidence_agreed':
      return patch(state, event.member, { evidence: event.agree });
    case 'recording_begun':
      return withRecording(state, event.recording);
    case 'recording_stopped':
      return withRecording(state, null);
    case 'recording_consent':
      return patch(state, event.member, { recorded: event.agree ? 'agreed' : 'refused' });
    case 'question_taken':
      return { ...state, question: event.question };
    case 'question_closed':
      return { ...state, question: null };
    case 'question_settled':
      return { ...state, questions: state.questions.filter(({ number }) => number !== event.number) };
    case 'called_up': {
      const { person, by, context, until } = event;
      // Whoever called is told as well, who may be no moderator and has no such list.
      if (!moderates(state.you.role)) return state;
      const called = state.called.filter((one) => one.person.id !== person.id);
      return { ...state, called: [...called, { person, by, context, until }] };
    }
    case 'call_up_ended':
      return { ...state, called: state.called.filter(({ person }) => person.id !== event.member) };
    case 'knocked': {
      const { person, by, until } = event;
      const waiting = state.waiting.filter((one) => one.person.id !== person.id);
      return { ...state, waiting: [...waiting, { person, by, at, until }] };
    }
    case 'knock_ended':
      return { ...state, waiting: state.waiting.filter(({ person }) => person.id !== event.guest) };
    case 'banned': {
      const { person, by, reason } = event;
      const others = state.bans.filter((one) => one.person.id !== person.id);
      return { ...state, bans: [{ person, by, reason, at }, ...others] };
    }
    case 'unbanned':
      return { ...state, bans: state.bans.filter(({ person }) => person.id !== event.member) };
    case 'forgotten':
      // A batch with it is not folded: see `foldBatch`.
      return state;
    case 'ended':
      return { ...state, called: [], waiting: [], ended: true };
  }
}

/** The state after somebody, wherever they are in it, is called or looks otherwise. */
export function withName(state: RoomState, person: Person): RoomState {
  const now = <T extends { person: Person }>(one: T): T =>
    one.person.id === person.id ? { ...one, person } : one;
  const seen = (one: Participant): Participant => ({
    ...now(one),
    guest_of: one.guest_of?.id === person.id ? person : one.guest_of,
  });
  const { you } = state;
  return {
    ...state,
    stage: state.stage.map(seen),
    audience: { ...state.audience, first: state.audience.first.map(seen) },
    you: { ...now(you), offer: you.offer?.id === person.id ? person : you.offer },
    room: withNamed(state.room, person),
    hands: state.hands.map(now),
    questions: state.questions.map(now),
    question: state.question && now(state.question),
    called: state.called.map(now),
    bans: state.bans.map(now),
    gone: state.gone.map((one) => (one.id === person.id ? person : one)),
    waiting: state.waiting.map(now),
    offers: state.offers.map((offer) => ({
      ...now(offer),
      by: offer.by.id === person.id ? person : offer.by,
    })),
  };
}

function withNamed(room: RoomInfo, person: Person): RoomInfo {
  if (!room.terms) return room;
  const stage = room.terms.stage.map((one) => (one.id === person.id ? person : one));
  return { ...room, terms: { ...room.terms, stage } };
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
  const { person, number, role, role_epoch, connected, guest_of } = event;
  const before = find(state, person.id);
  const stays = before !== undefined && onStage(before.role) && onStage(role);
  const changed: Participant = {
    person,
    number,
    role,
    connected,
    muted: stays && before.muted,
    mic: stays && before.mic,
    evidence: stays && before.evidence,
    recorded: stays ? before.recorded : asking(state.room.recording, role),
    guest_of,
  };
  let next: RoomState;
  if (stays) {
    // A new role on stage keeps the place there.
    next = { ...state, stage: state.stage.map((one) => (one.person.id === person.id ? changed : one)) };
  } else if (onStage(role)) {
    next = without(state, person.id);
    next = withoutAsking({ ...next, stage: [...next.stage, changed] }, person.id);
  } else {
    next = withoutFloor(withListener(without(state, person.id), changed), person.id);
  }
  if (person.id !== me) return next;
  const settled = onStage(role) ? { hand: null, offer: null } : {};
  return {
    ...next,
    you: { ...next.you, number, role, role_epoch, muted: changed.muted, mic: changed.mic, ...settled },
  };
}

function withListener(state: RoomState, listener: Participant): RoomState {
  const others = state.audience.first.filter((one) => one.person.id !== listener.person.id);
  const first = [...others, listener].sort((a, b) => a.number - b.number).slice(0, FIRST_LISTENERS);
  return { ...state, audience: { ...state.audience, first } };
}

/** While something is recorded, whoever comes on stage is asked; so is everybody there when that begins. */
function asking(recording: Recording | null, role: Role): Consent {
  return recording && onStage(role) ? 'asked' : 'unasked';
}

function withRecording(state: RoomState, recording: Recording | null): RoomState {
  const stage = state.stage.map((one) => ({ ...one, recorded: asking(recording, one.role) }));
  const replay = recording?.replay ?? state.replay;
  return { ...state, room: { ...state.room, recording }, replay, stage };
}

/** With a hand at a place of the queue, from 0, or at its end where there is no such place. */
function withHand(state: RoomState, hand: Hand, place: number): RoomState {
  const others = state.hands.filter(({ person }) => person.id !== hand.person.id);
  return { ...state, hands: [...others.slice(0, place), hand, ...others.slice(place)] };
}

/** Whoever is not on stage any more does not lead the interview. */
function withoutFloor(state: RoomState, member: string): RoomState {
  return state.settings.floor === member ? set(state, { floor: null }) : state;
}

function set(state: RoomState, change: Partial<Settings>): RoomState {
  return { ...state, settings: { ...state.settings, ...change } };
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
