/** Whom a talk sheet brings on stage without an account here. */

import type { Invitee, Terms } from '$lib/api/invitations';

/** How long a guest's name may be (docs/PROTOCOL.md). */
const NAME = 40;

/** Their names: who was invited, if from outside, and whoever else is named otherwise than by a handle. Each has one place on stage. */
export function guestsOf(
  { others }: Pick<Terms, 'others'>,
  invitee: Pick<Invitee, 'person' | 'name'>,
): string[] {
  const names = others.filter((other) => !other.startsWith('@'));
  if (invitee.person === null && invitee.name !== '') names.unshift(invitee.name);
  return [...new Set(names.map((name) => name.trim().slice(0, NAME)))].filter((name) => name !== '');
}

/** For how long their links last, in minutes: as long as the talk, with an hour to find the way; within what a link may. */
export function minutesOf({ minutes }: Pick<Terms, 'minutes'>): number {
  return Math.min(minutes + 60, 24 * 60);
}
