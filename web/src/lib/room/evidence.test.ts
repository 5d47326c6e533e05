import { describe, expect, it } from 'vitest';
import type { Participant, RoomEvent, Snapshot } from '$lib/protocol/types';
import { agreedIn, agrees, canBeKept, newlyAsked, stillAnswered } from './evidence';
import { benBecomes, numbered, participant, snapshot } from './fixtures';
import { foldBatch, fromSnapshot, type RoomState } from './reducer';

/** Ada hosts and Ben, whose view this is, speaks, in a room where it is `on`. */
function room(on = true, ada: Partial<Participant> = {}, ben: Partial<Participant> = {}): RoomState {
  const base = snapshot();
  const room: Snapshot['room'] = { ...base.room, evidence: on };
  const stage = [
    participant('ada', 1, { role: 'host', ...ada }),
    participant('ben', 2, { role: 'speaker', ...ben }),
  ];
  return fromSnapshot({ ...base, room, stage, you: { ...base.you, role: 'speaker' } });
}
const batch = (...events: RoomEvent[]) => ({
  after: 10,
  seq: 10 + events.length,
  audience_count: 2,
  events: numbered(11, ...events),
});
const after = (state: RoomState, ...events: RoomEvent[]) => foldBatch(state, batch(...events), 'id-ben')!;

const agreed = (handle: string, agree = true): RoomEvent => ({
  type: 'evidence_agreed',
  member: `id-${handle}`,
  agree,
});
const set = (on: boolean): RoomEvent => ({ type: 'evidence_set', on, by: 'id-ada' });

describe('who has agreed', () => {
  const cases: [string, RoomEvent[], string[]][] = [
    ['nobody at first', [], []],
    ['whoever says so', [agreed('ben'), agreed('ada')], ['ada', 'ben']],
    ['and not any more once they take it back', [agreed('ben'), agreed('ben', false)], []],
    ['nobody after it was switched off and on', [agreed('ben'), set(false), set(true)], []],
    ['nobody while it is off', [agreed('ben'), set(false)], []],
    ['not who was moved off the stage', [agreed('ben'), benBecomes('listener', 1)], []],
    [
      'nor when they come back on it',
      [agreed('ben'), benBecomes('listener', 1), benBecomes('speaker', 2)],
      [],
    ],
    ['who got another role on stage', [agreed('ben'), benBecomes('moderator', 1)], ['ben']],
    ['not who has left', [agreed('ben'), { type: 'left', member: 'id-ben', reason: 'quit' }], []],
  ];
  it.each(cases)('%s', (_, events, handles) => {
    expect(agreedIn(after(room(), ...events)).map(({ person }) => person.handle)).toEqual(handles);
  });
});

it('knows what the viewer has said', () => {
  expect([
    agrees(room()),
    agrees(after(room(), agreed('ben'))),
    agrees(after(room(), agreed('ada'))),
  ]).toEqual([false, true, false]);
  expect([canBeKept(room()), canBeKept(room(false)), canBeKept(fromSnapshot(snapshot()))]).toEqual([
    true,
    false,
    false,
  ]);
});

describe('an answer', () => {
  const cases: [string, RoomEvent[], boolean][] = [
    ['holds', [agreed('ada')], true],
    ['holds in another role on stage', [benBecomes('moderator', 1)], true],
    ['holds when others leave the stage', [{ type: 'left', member: 'id-ada', reason: 'quit' }], true],
    ['ends when it is switched off', [set(false)], false],
    ['ends when it is switched off and on', [set(false), set(true)], false],
    ['ends in the audience', [benBecomes('listener', 1)], false],
    ['ends on the way there and back', [benBecomes('listener', 1), benBecomes('speaker', 2)], false],
  ];
  it.each(cases)('%s', (_, events, holds) => {
    expect(stillAnswered(true, room(), after(room(), ...events), batch(...events))).toBe(holds);
  });

  it('outlives a snapshot, unless that takes the agreement back, and does not come of itself', () => {
    const [asked, agreeing] = [room(), room(true, {}, { evidence: true })];
    expect([
      stillAnswered(true, asked, asked, null),
      stillAnswered(true, agreeing, agreeing, null),
      stillAnswered(true, agreeing, asked, null),
      stillAnswered(false, null, asked, null),
    ]).toEqual([true, true, false, false]);
  });
});

it.each<[string, RoomState | null, RoomState, boolean]>([
  ['at first', null, room(), true],
  ['when it is switched on', room(false), room(), true],
  ['on the way to the stage', fromSnapshot(snapshot()), room(), true],
  ['not twice', room(), room(), false],
  ['not who agreed before the page was loaded', null, room(true, {}, { evidence: true }), false],
  ['not who takes it back', room(true, {}, { evidence: true }), room(), false],
  ['not while it is off', null, room(false), false],
])('asks %s', (_, before, state, asked) => {
  expect(newlyAsked(before, state)).toBe(asked);
});
