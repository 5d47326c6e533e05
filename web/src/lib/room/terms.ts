/** What the talk sheet from which a room was opened provides for; the server decides in the end. Pure. */

import type { Person } from '$lib/protocol/types';
import type { RoomState } from './reducer';

/** Why somebody has no place on stage by the sheet. */
export type NoPlace = 'not_named' | 'no_guest_place';

/** Names that stand in the room's head; the others are counted. */
const NAMES = 3;

/** Why somebody who is not on stage cannot come on it; null where they can, and in a room without a sheet. */
export function placeFor(state: RoomState, person: Person): NoPlace | null {
  // Guests have no handle.
  if (person.handle === '') return hasGuestPlace(state) ? null : 'no_guest_place';
  return named(state, person.id) ? null : 'not_named';
}

/** Whether a member is named by the sheet; everybody is where there is none. */
export function named({ room: { terms } }: RoomState, member: string): boolean {
  return !terms || terms.stage.some(({ id }) => id === member);
}

/** Whether another guest has a place on stage by the sheet. */
export function hasGuestPlace({ room: { terms }, stage }: RoomState): boolean {
  return !terms || stage.filter((one) => one.guest_of).length < terms.guests;
}

/** Whether what is said may be kept by the sheet. */
export function mayBeKept({ room: { terms } }: RoomState): boolean {
  return !terms || terms.recorded;
}

/** People in the order in which a name is looked for. */
export function byName(people: Person[]): Person[] {
  return people.toSorted((one, other) => one.name.localeCompare(other.name));
}

/** A list as one says it: the last with a word before it. */
export function listed(names: string[], and: (most: string, last: string) => string): string {
  const [last, ...most] = names.toReversed();
  if (last === undefined || most.length === 0) return last ?? '';
  return and(most.toReversed().join(', '), last);
}

/** The names of those who may be on stage, as many as fit in a line, and how many more there are. */
export function inLine(people: Person[], name: (full: string) => string): { names: string[]; more: number } {
  // One more name takes no more room than saying that there is one.
  const most = people.length === NAMES + 1 ? NAMES + 1 : NAMES;
  return {
    names: people.slice(0, most).map((one) => name(one.name)),
    more: Math.max(0, people.length - most),
  };
}
