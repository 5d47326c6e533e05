/** Recording: who is recorded, and who is to be asked. What the server has is what counts: the page keeps no answers. Pure. */

import {
  onStage,
  type Consent,
  type Hearers,
  type Participant,
  type Recording,
  type RoomKind,
} from '$lib/protocol/types';
import { find, type RoomState } from './reducer';

/**
 * The version of the question that this page asks (texts `recording.ask`), which goes to the server with each answer. It rises with
 * the server's own whenever the question says something else.
 */
export const CONSENT_TEXT = 2;

/**
 * What is older than the question that the other knows, if the page cannot ask for this recording: the page itself, or the recording, which
 * began before the server was renewed. To either question nobody can agree here.
 */
export function outdated(recording: Recording): 'page' | 'recording' | null {
  if (recording.text === CONSENT_TEXT) return null;
  return recording.text > CONSENT_TEXT ? 'page' : 'recording';
}

/** Who is recorded, in the order of the stage. */
export function recordedIn(state: RoomState): Participant[] {
  return state.room.recording ? state.stage.filter((one) => one.recorded === 'agreed') : [];
}

/** Who is on stage and is not recorded while others may be. */
export function unrecordedIn(state: RoomState): Participant[] {
  return state.room.recording ? state.stage.filter((one) => one.recorded !== 'agreed') : [];
}

/** What the viewer has said to being recorded. */
export function ownConsent(state: RoomState): Consent {
  if (!state.room.recording || !onStage(state.you.role)) return 'unasked';
  return find(state, state.you.person.id)?.recorded ?? 'asked';
}

/** Whether the viewer is to be asked. */
export function isAsked(state: RoomState): boolean {
  return ownConsent(state) === 'asked';
}

/** Whether the step from `before` (null at first) to `after` has made the viewer somebody who is to be asked. */
export function newlyAsked(before: RoomState | null, after: RoomState): boolean {
  const asked = after.room.recording?.replay;
  return isAsked(after) && !(before && isAsked(before) && before.room.recording?.replay === asked);
}

/** To whom what is said in a room can be opened, widest first: what few hear is not for many. */
export function hearersOf(kind: RoomKind): Hearers[] {
  return kind === 'open' ? ['everyone', 'members', 'attendees'] : ['attendees'];
}
