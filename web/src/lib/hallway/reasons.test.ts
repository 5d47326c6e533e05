import { expect, it } from 'vitest';
import type { Reason } from '$lib/api/hallway';
import type { Person } from '$lib/protocol/types';
import { fullReason, hasMore, shortReason } from './reasons';

const person = (name: string): Person => ({
  id: `id-${name}`,
  handle: name.toLowerCase(),
  name: `${name} Surname`,
  avatar: null,
});
const people = (...all: string[]) => all.map(person);

const stage = (count: number, ...all: string[]): Reason => ({
  type: 'followed_on_stage',
  people: people(...all),
  count,
});
const house: Reason = { type: 'house', house: { id: 'h', handle: 'makers', name: 'Makers' } };

it.each<[Reason, string]>([
  [stage(1, 'Ada'), 'Ada, whom you follow, is on stage'],
  [stage(2, 'Ada', 'Ben'), 'Ada and Ben, whom you follow, are on stage'],
  [stage(3, 'Ada', 'Ben', 'Chen'), 'Ada, Ben and Chen, whom you follow, are on stage'],
  [stage(9, 'Ada', 'Ben', 'Chen', 'Dita'), 'Ada, Ben and 7 more, whom you follow, are on stage'],
  [{ type: 'followed_listening', people: people('Ada'), count: 1 }, 'Ada, whom you follow, is listening'],
  [house, 'In your house Makers'],
  [{ type: 'language' }, 'In a language you speak'],
  [{ type: 'topic', topic: 'rust' }, 'About rust, one of your topics'],
])('says a reason in a line (%#)', (reason, expected) => {
  expect(shortReason(reason)).toBe(expected);
});

it('names everybody whom it knows where there is room', () => {
  expect(fullReason(stage(9, 'Ada', 'Ben', 'Chen', 'Dita'))).toBe(
    'Ada, Ben, Chen, Dita and 5 more, whom you follow, are on stage',
  );
  expect(fullReason(house)).toBe(shortReason(house));
});

it.each<[Reason[], boolean]>([
  [[], false],
  [[house], false],
  [[stage(3, 'Ada', 'Ben', 'Chen')], false],
  [[stage(4, 'Ada', 'Ben', 'Chen', 'Dita')], true],
  [[house, { type: 'language' }], true],
])('offers to say more only if there is more (%#)', (reasons, expected) => {
  expect(hasMore(reasons)).toBe(expected);
});
