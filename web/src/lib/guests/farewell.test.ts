import { expect, it } from 'vitest';
import { text } from '$lib/text';
import type { EndCode } from '$lib/room/session';
import { farewell } from './farewell';

it.each<[EndCode, string]>([
  ['turned_away', 'Not this time'],
  ['pass_ended', 'Your pass has ended'],
  ['signed_out', 'Your pass has ended'],
  ['banned', 'A moderator has put you out of the room'],
  ['left', 'You have left'],
  ['constructor' as EndCode, 'You are not in the room any more'],
])('%s is said as %s', (code, title) => {
  expect(text.guests.over[farewell(code)].title).toBe(title);
});
