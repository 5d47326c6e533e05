import { expect, it } from 'vitest';
import type { RoomEvent } from '$lib/protocol/types';
import { ownCallUps } from './callups';
import { numbered, person } from './fixtures';

const batch = (...events: RoomEvent[]) => ({
  after: 10,
  seq: 10 + events.length,
  audience_count: 2,
  events: numbered(11, ...events),
});
const called = (handle: string, by: string, context: string | null = null): RoomEvent => ({
  type: 'called_up',
  person: person(handle),
  by: `id-${by}`,
  context,
  until: 9_000,
});
const ended = (handle: string): RoomEvent => ({
  type: 'call_up_ended',
  member: `id-${handle}`,
  cause: 'declined',
});

it('keeps the own call-ups until they end, and no others', () => {
  const list = ownCallUps(
    [],
    batch(called('dora', 'ben'), called('eve', 'ada'), called('fay', 'ben')),
    'id-ben',
    1_000,
  );
  expect(list.map((one) => one.person.handle)).toEqual(['dora', 'fay']);
  expect(ownCallUps(list, batch(ended('dora'), ended('zoe')), 'id-ben', 1_000)).toEqual([list[1]]);
});

it('holds one of each person, the newest, and stays as it is over a snapshot', () => {
  const list = ownCallUps([], batch(called('dora', 'ben'), called('dora', 'ben', 'rust')), 'id-ben', 1_000);
  expect(list).toEqual([{ person: person('dora'), by: 'id-ben', context: 'rust', until: 9_000 }]);
  expect(ownCallUps(list, null, 'id-ben', 1_000)).toBe(list);
});

it('drops whoever came, and what is over by the clock', () => {
  const entered = { type: 'entered', person: person('dora'), number: 9, guest_of: null } as const;
  const list = ownCallUps([], batch(called('dora', 'ben'), called('fay', 'ben')), 'id-ben', 1_000);
  expect(ownCallUps(list, batch(entered), 'id-ben', 1_000)).toEqual([list[1]]);
  expect(ownCallUps(list, null, 'id-ben', 9_000)).toEqual([]);
});
