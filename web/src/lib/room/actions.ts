/** What one person in a room may do to another, or with themselves; the server decides in the end. Pure. */

import {
  moderates,
  onStage,
  type Command,
  type Participant,
  type Person,
  type You,
} from '$lib/protocol/types';
import type { RoomState } from './reducer';
import { placeFor, type NoPlace } from './terms';

export type ActionKind =
  | 'accept_hand'
  | 'offer'
  | 'withdraw_offer'
  | 'mute'
  | 'unmute'
  | 'move'
  | 'lead'
  | 'lead_no_more'
  | 'make_moderator'
  | 'take_moderator'
  | 'hand_over'
  | 'remove'
  | 'ban'
  | 'step_down'
  | 'lower_hand';

/** Why something that the viewer's role allows cannot be done just now. */
export type Obstacle = 'stage_locked' | NoPlace;

export interface Action {
  kind: ActionKind;
  command: Command;
  obstacle: Obstacle | null;
}

/** What the viewer may do with `target`, in the order in which it is shown. */
export function actionsFor(state: RoomState, target: Participant): Action[] {
  const { you } = state;
  const member = target.person.id;
  const actions: Action[] = [];
  const may = (kind: ActionKind, command: Command, when: boolean) => {
    const toStage = kind === 'accept_hand' || kind === 'offer';
    const obstacle = toStage ? noWayUp(state, target.person) : null;
    if (when) actions.push({ kind, command, obstacle });
  };
  const leads = state.settings.floor === member;
  if (target.number === you.number) {
    may('lead', { type: 'give_floor', member }, moderates(you.role) && !leads);
    may('lead_no_more', { type: 'give_floor', member: null }, leads);
    may('lower_hand', { type: 'lower_hand' }, you.hand !== null);
    may('step_down', { type: 'step_down' }, onStage(you.role));
    return actions;
  }
  const staged = onStage(target.role);
  const gives = moderates(you.role) || state.settings.floor === you.person.id;
  may('lead', { type: 'give_floor', member }, gives && staged && !leads);
  may('lead_no_more', { type: 'give_floor', member: null }, gives && leads);
  if (!moderates(you.role) || target.role === 'host') return actions;
  const guest = target.guest_of !== null;
  const asked = state.offers.some((offer) => offer.person.id === member);
  const hand = state.hands.some((one) => one.person.id === member);
  may('accept_hand', { type: 'accept_hand', member }, hand);
  may('offer', { type: 'offer_stage', member }, !staged && !asked && !hand);
  may('withdraw_offer', { type: 'withdraw_offer', member }, asked);
  may('mute', { type: 'mute', member }, staged && !target.muted);
  may('unmute', { type: 'unmute', member }, staged && target.muted);
  may('move', { type: 'move_to_audience', member }, staged);
  may('make_moderator', { type: 'make_moderator', member }, target.role === 'speaker' && !guest);
  may('take_moderator', { type: 'take_moderator', member }, target.role === 'moderator');
  may('hand_over', { type: 'hand_over', member }, staged && you.role === 'host' && !guest);
  may('remove', { type: 'remove', member }, true);
  may('ban', { type: 'ban', member, reason: null }, true);
  return actions;
}

/** Why somebody who is not on stage cannot be brought on it, if so. */
export function noWayUp(state: RoomState, person: Person): Obstacle | null {
  // By the sheet they never can: that comes first.
  return placeFor(state, person) ?? (state.settings.stage_locked ? 'stage_locked' : null);
}

/** Whether the room ends for others when the viewer leaves: nobody is on stage who could have it then. Guests cannot. */
export function endsByLeaving({ you, stage, audience }: RoomState): boolean {
  const heirs = stage.filter((one) => one.number !== you.number && one.guest_of === null);
  const others = audience.count + stage.length - 1;
  return you.role === 'host' && heirs.length === 0 && others > 0;
}

/** What the big button of the room's bar is for the viewer. */
export function voiceButton(you: You): 'hand' | 'microphone' {
  return onStage(you.role) ? 'microphone' : 'hand';
}
