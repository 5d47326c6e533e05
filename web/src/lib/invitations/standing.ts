/** How far an invitation has come, and what its reader may do, as keys of the texts. */

import type { Spoken, Can, Invitation, InvitationState, Part, Side } from '$lib/api/invitations';

export type Standing = 'asked' | 'askedHost' | 'later' | Exclude<InvitationState, 'asked'>;

/** The line that says how far it has come. */
export function standingOf(of: Pick<Invitation, 'state' | 'turn' | 'later'>): Standing {
  if (of.state !== 'asked') return of.state;
  if (of.turn === 'host') return 'askedHost';
  return of.later === null ? 'asked' : 'later';
}

/** Whether that line is what an unverified voice has said, and is not to be shown as the invitee's own. */
export function isUnverified(of: Pick<Invitation, 'state' | 'turn' | 'later' | 'unverified'>): boolean {
  return of.unverified && ['accepted', 'declined', 'later'].includes(standingOf(of));
}

/** Whether something can still happen. */
export function isOpen(state: InvitationState): boolean {
  return state === 'asked' || state === 'accepted';
}

/** Answers, the one that is hoped for first; what else a side can do stands in other places. */
const ANSWERS: readonly Spoken[] = [
  'agree_time',
  'accept',
  'give_details',
  'propose_time',
  'need_details',
  'answer_later',
  'decline',
];

/** What the reader can say now, in the order in which it is offered. */
export function answers(can: readonly Can[]): Spoken[] {
  return ANSWERS.filter((act) => can.includes(act));
}

/** Whether one act is so much what is hoped for that its button stands out. */
export function stands(act: Spoken, among: readonly Spoken[]): boolean {
  return act === among[0] && (act === 'accept' || act === 'agree_time' || act === 'give_details');
}

/** Whether it is the turn of the reader's side. */
export function myTurn(of: Pick<Invitation, 'state' | 'turn' | 'you'>): boolean {
  return isOpen(of.state) && of.you !== null && of.turn === sideOf(of.you);
}

/** On which side somebody acts. */
export function sideOf(you: Part): Side {
  return you === 'host' || you === 'host_office' ? 'host' : 'invitee';
}

/** Whether somebody acts for somebody else, as their office. */
export function isOffice(you: Part): boolean {
  return you === 'host_office' || you === 'invitee_office';
}
