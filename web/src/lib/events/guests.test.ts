import { expect, it } from 'vitest';
import { guestsOf, minutesOf } from './guests';

const outside = { person: null, name: 'The President' };
const inside = { person: { id: 'g', handle: 'gleb', name: 'Gleb', avatar: null }, name: 'Gleb' };

it.each([
  [['@ben', 'a guest from the museum'], outside, ['The President', 'a guest from the museum']],
  [['@ben', ' a guest '], inside, ['a guest']],
  [['The President', 'x', 'x'], outside, ['The President', 'x']],
  [[], inside, []],
  // Somebody whose account is gone is nobody's guest.
  [['@ben'], { person: null, name: '' }, []],
  [['n'.repeat(60)], inside, ['n'.repeat(40)]],
])('finds who comes by a link (%#)', (others, invitee, expected) => {
  expect(guestsOf({ others }, invitee)).toEqual(expected);
});

it('gives a link time, within what it may have', () => {
  expect([30, 90, 1_430].map((minutes) => minutesOf({ minutes }))).toEqual([90, 150, 1_440]);
});
