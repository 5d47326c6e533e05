/** The last minute that is kept for reports: who has agreed, and who is to be asked. Pure. */

import { onStage, type Events, type Participant } from '$lib/protocol/types';
import { find, type RoomState } from './reducer';

/** Who has agreed to it, in the order of the stage; nobody while it is off. */
export function agreedIn(state: RoomState): Participant[] {
  return state.room.evidence ? state.stage.filter((one) => one.evidence) : [];
}

/** Whether the viewer can be kept at all: on stage while it is on. */
export function canBeKept(state: RoomState): boolean {
  return state.room.evidence && onStage(state.you.role);
}

/** Whether the viewer has agreed. */
export function agrees(state: RoomState): boolean {
  return canBeKept(state) && find(state, state.you.person.id)?.evidence === true;
}

/**
 * What is left of an answer of the viewer's, yes or no, after a batch of events, or a snapshot (null), has led from `before` to
 * `state`: it holds until this is switched on or off, or they leave the stage.
 */
export function stillAnswered(
  answered: boolean,
  before: RoomState | null,
  state: RoomState,
  batch: Events | null,
): boolean {
  if (!answered || !canBeKept(state)) return false;
  // What happened while the page was away has taken it back.
  if (!batch && before && agrees(before) && !agrees(state)) return false;
  return !batch?.events.some(
    ({ event }) =>
      event.type === 'evidence_set' ||
      // Down and up again within one batch.
      (event.type === 'role_changed' && event.person.id === state.you.person.id && !onStage(event.role)),
  );
}

/** Whether the step from `before` (null at first) to `after` has made the viewer somebody who is to be asked. */
export function newlyAsked(before: RoomState | null, after: RoomState): boolean {
  return canBeKept(after) && !agrees(after) && !(before && canBeKept(before));
}
