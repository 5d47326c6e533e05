/** How a guest's visit ended, as far as it makes a difference to them. */

import type { EndCode } from '$lib/room/session';

export type Farewell =
  'turned_away' | 'pass_ended' | 'room_ended' | 'removed' | 'left' | 'replaced' | 'other';

const FAREWELLS: Record<EndCode, Farewell> = {
  turned_away: 'turned_away',
  pass_ended: 'pass_ended',
  // Without a pass there is no room for a guest, and nobody to be signed in.
  not_found: 'pass_ended',
  session_ended: 'pass_ended',
  signed_out: 'pass_ended',
  room_ended: 'room_ended',
  removed: 'removed',
  banned: 'removed',
  left: 'left',
  replaced: 'replaced',
  elsewhere: 'replaced',
  house_rules: 'other',
};

/** `other` for what a newer server says and this page does not know. */
export function farewell(code: EndCode): Farewell {
  return Object.hasOwn(FAREWELLS, code) ? FAREWELLS[code] : 'other';
}
