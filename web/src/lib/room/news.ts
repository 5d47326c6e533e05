/** What a person must be told when the room changes: the changes that matter, in words elsewhere. Pure. */

import {
  onStage,
  moderates,
  type CallUp,
  type Events,
  type HandRule,
  type Hearers,
  type Person,
  type PinnedLink,
  type RecordingCause,
  type RoomEvent,
  type RoomKind,
  type WaitingGuest,
} from '$lib/protocol/types';
import { newlyAsked } from './evidence';
import { newlyAsked as newlyRecorded } from './recording';
import { find, type RoomState } from './reducer';

/** One thing to tell. `by` is the person who did it, null when it is not known. */
export type News =
  | { kind: 'invited'; by: Person }
  | { kind: 'invitation_withdrawn' }
  | { kind: 'muted'; by: Person | null }
  | { kind: 'unmuted'; by: Person | null }
  | { kind: 'on_stage'; by: Person | null }
  | { kind: 'moved_to_audience'; by: Person | null }
  | { kind: 'made_moderator'; by: Person | null }
  | { kind: 'made_host'; by: Person | null }
  | { kind: 'hand_declined' }
  | { kind: 'hand_raised'; who: Person; question: string | null }
  | { kind: 'new_host'; who: Person }
  | { kind: 'stage_joined' | 'stage_left'; who: Person }
  | { kind: 'moderator_taken'; by: Person | null }
  | { kind: 'stage_locked' | 'stage_unlocked' }
  | { kind: 'evidence_on' | 'evidence_off' | 'evidence_asked' }
  | { kind: 'recording_on'; to: Hearers }
  | { kind: 'recording_asked' }
  | { kind: 'recording_off'; cause: RecordingCause }
  | { kind: 'hands_ruled'; rule: HandRule }
  | { kind: 'lines_on' | 'lines_off' }
  | { kind: 'lines_slow'; seconds: number }
  | { kind: 'timer_set'; until: number }
  | { kind: 'timer_off' }
  | { kind: 'link_pinned'; link: PinnedLink }
  | { kind: 'widened'; to: RoomKind }
  | { kind: 'renamed_room'; title: string }
  | { kind: 'you_lead' }
  | { kind: 'leads'; who: Person }
  | { kind: 'banned'; who: Person }
  | { kind: 'guest_waits'; who: Person }
  | { kind: 'call_declined' | 'call_expired'; who: Person }
  | { kind: 'question_taken'; who: Person; question: string };

/**
 * What to tell the viewer, whose member id is `me`, about the step from `before` to `after`. With the `batch` that led
 * there it is known who did what; after a snapshot (null) the difference is told. `own` are the call-ups that the viewer made,
 * which only moderators have in the state.
 */
export function newsOf(
  before: RoomState | null,
  after: RoomState,
  batch: Events | null,
  me: string,
  own: CallUp[] = [],
): News[] {
  const asked: News[] = newlyAsked(before, after) ? [{ kind: 'evidence_asked' }] : [];
  if (newlyRecorded(before, after)) asked.push({ kind: 'recording_asked' });
  if (!before) {
    const offer: News[] = after.you.offer ? [{ kind: 'invited', by: after.you.offer }] : [];
    const kept: News[] = after.room.evidence && !newlyAsked(before, after) ? [{ kind: 'evidence_on' }] : [];
    return [
      ...offer,
      ...kept,
      ...recordingOn(null, after),
      ...asked,
      ...waitingSince([], after),
      ...newQuestion(null, after),
    ];
  }
  if (!batch) return [...difference(before, after), ...asked];
  const person = (id: string | null) =>
    id === null ? null : ((find(after, id) ?? find(before, id))?.person ?? null);
  const told = batch.events
    .filter(({ seq }) => seq > before.seq)
    .map(({ event }) => ofEvent(event, me, before, after, person, [...before.called, ...own]))
    .filter((one) => one !== null);
  return [...told, ...asked];
}

function ofEvent(
  event: RoomEvent,
  me: string,
  before: RoomState,
  after: RoomState,
  person: (id: string | null) => Person | null,
  calls: CallUp[],
): News | null {
  switch (event.type) {
    case 'stage_offered':
      return event.person.id === me ? { kind: 'invited', by: event.by } : null;
    case 'offer_ended':
      return event.member === me && event.cause === 'withdrawn' ? { kind: 'invitation_withdrawn' } : null;
    case 'muted':
    case 'unmuted':
      return event.member === me ? { kind: event.type, by: person(event.by) } : null;
    case 'hand_raised':
      if (event.person.id === me || !moderates(after.you.role)) return null;
      return { kind: 'hand_raised', who: event.person, question: event.question };
    case 'hand_lowered':
      return event.member === me && event.cause === 'declined' ? { kind: 'hand_declined' } : null;
    case 'role_changed': {
      const by = person(event.by);
      if (event.person.id !== me) {
        if (event.role === 'host') return { kind: 'new_host', who: event.person };
        const was = staged(before, event.person.id) !== null;
        if (was === onStage(event.role)) return null;
        return { kind: was ? 'stage_left' : 'stage_joined', who: event.person };
      }
      switch (event.cause) {
        case 'hand_accepted':
          return { kind: 'on_stage', by };
        case 'moved_to_audience':
          return { kind: 'moved_to_audience', by };
        case 'made_moderator':
          return { kind: 'made_moderator', by };
        case 'moderator_taken':
          return { kind: 'moderator_taken', by };
        case 'handed_over':
        case 'inherited':
          // Who hands the room over changes roles as well, and knows.
          return event.role === 'host' ? { kind: 'made_host', by: event.by === me ? null : by } : null;
        case 'offer_accepted':
        case 'let_in':
        case 'stepped_down':
          // The viewer's own doing: the page shows it.
          return null;
      }
    }
    // What somebody set is told to all others; to themselves it is shown where they set it.
    case 'stage_locked':
      return event.by === me ? null : { kind: event.locked ? 'stage_locked' : 'stage_unlocked' };
    case 'hands_ruled':
      return event.by === me ? null : { kind: 'hands_ruled', rule: event.rule };
    case 'backchannel_set':
      if (event.by === me) return null;
      if (event.open !== before.settings.backchannel) return { kind: event.open ? 'lines_on' : 'lines_off' };
      return { kind: 'lines_slow', seconds: event.slow_seconds };
    case 'timer_set':
      if (event.by === me) return null;
      return event.until === null ? { kind: 'timer_off' } : { kind: 'timer_set', until: event.until };
    case 'link_pinned': {
      const { number, url, label } = event;
      return event.by === me ? null : { kind: 'link_pinned', link: { number, url, label } };
    }
    case 'left': {
      const who = staged(before, event.member);
      return who && event.member !== me ? { kind: 'stage_left', who } : null;
    }
    case 'evidence_set':
      // Who is asked is told so, and with it what for.
      if (event.by === me || newlyAsked(before, after)) return null;
      return { kind: event.on ? 'evidence_on' : 'evidence_off' };
    case 'recording_begun':
      return event.by === me || newlyRecorded(before, after)
        ? null
        : { kind: 'recording_on', to: event.recording.to };
    case 'recording_stopped':
      return event.by === me ? null : { kind: 'recording_off', cause: event.cause };
    case 'widened':
      return event.by === me ? null : { kind: 'widened', to: event.kind };
    case 'described':
      return event.by === me || event.title === before.room.title
        ? null
        : { kind: 'renamed_room', title: event.title };
    case 'floor_given': {
      if (event.member === me) return { kind: 'you_lead' };
      const who = person(event.member);
      return who && event.by !== me ? { kind: 'leads', who } : null;
    }
    case 'banned':
      return event.by === me || event.person.id === me ? null : { kind: 'banned', who: event.person };
    case 'knocked':
      return { kind: 'guest_waits', who: event.person };
    case 'question_taken': {
      const { person: who, text: question } = event.question;
      return event.by === me ? null : { kind: 'question_taken', who, question };
    }
    case 'call_up_ended': {
      // Who comes in shows by itself, and who takes a call back knows.
      if (event.cause !== 'declined' && event.cause !== 'expired') return null;
      const called = calls.find((one) => one.person.id === event.member);
      const kind = event.cause === 'declined' ? 'call_declined' : 'call_expired';
      return called ? { kind, who: called.person } : null;
    }
    // The comings and goings of the audience, and microphones, are seen, not told.
    case 'entered':
    case 'connection_lost':
    case 'returned':
    case 'mic_changed':
    case 'hand_moved':
    case 'unbanned':
    case 'link_unpinned':
    case 'evidence_agreed':
    case 'recording_consent':
    case 'question_closed':
    case 'question_settled':
    case 'called_up':
    case 'knock_ended':
    case 'forgotten':
    case 'ended':
      return null;
  }
  return event satisfies never;
}

/** Who is on stage and is this member, if anybody. */
function staged({ stage }: RoomState, member: string): Person | null {
  return stage.find(({ person }) => person.id === member)?.person ?? null;
}

function difference(before: RoomState, after: RoomState): News[] {
  const [was, is] = [before.you, after.you];
  const news: News[] = [];
  if (is.offer && was.offer?.id !== is.offer.id) news.push({ kind: 'invited', by: is.offer });
  if (onStage(was.role) && !onStage(is.role)) news.push({ kind: 'moved_to_audience', by: null });
  if (!onStage(was.role) && onStage(is.role)) news.push({ kind: 'on_stage', by: null });
  if (!moderates(was.role) && moderates(is.role))
    news.push({ kind: is.role === 'host' ? 'made_host' : 'made_moderator', by: null });
  else if (was.role === 'moderator' && is.role === 'host') news.push({ kind: 'made_host', by: null });
  if (moderates(was.role) && is.role === 'speaker') news.push({ kind: 'moderator_taken', by: null });
  if (!was.muted && is.muted) news.push({ kind: 'muted', by: null });
  if (was.muted && !is.muted && onStage(is.role)) news.push({ kind: 'unmuted', by: null });
  const [set, now] = [before.settings, after.settings];
  if (set.stage_locked !== now.stage_locked)
    news.push({ kind: now.stage_locked ? 'stage_locked' : 'stage_unlocked' });
  if (set.hands !== now.hands) news.push({ kind: 'hands_ruled', rule: now.hands });
  if (set.backchannel !== now.backchannel) news.push({ kind: now.backchannel ? 'lines_on' : 'lines_off' });
  if (before.room.kind !== after.room.kind) news.push({ kind: 'widened', to: after.room.kind });
  if (before.room.evidence !== after.room.evidence && !newlyAsked(before, after))
    news.push({ kind: after.room.evidence ? 'evidence_on' : 'evidence_off' });
  if (before.room.recording && !after.room.recording) news.push({ kind: 'recording_off', cause: 'host' });
  news.push(...recordingOn(before, after));
  return [...news, ...waitingSince(before.waiting, after), ...newQuestion(before, after)];
}

/** That something is recorded, unless it was known, or the viewer is asked, which says so too. */
function recordingOn(before: RoomState | null, after: RoomState): News[] {
  const { recording } = after.room;
  if (!recording || before?.room.recording?.replay === recording.replay || newlyRecorded(before, after))
    return [];
  return [{ kind: 'recording_on', to: recording.to }];
}

function newQuestion(before: RoomState | null, { question }: RoomState): News[] {
  if (!question || before?.question?.number === question.number) return [];
  return [{ kind: 'question_taken', who: question.person, question: question.text }];
}

function waitingSince(before: WaitingGuest[], { waiting }: RoomState): News[] {
  const known = new Set(before.map(({ person }) => person.id));
  return waiting
    .filter(({ person }) => !known.has(person.id))
    .map(({ person }) => ({ kind: 'guest_waits', who: person }));
}
