import { describe, expect, it } from 'vitest';
import type { Person, Question, RoomEvent, Snapshot, Terms } from '$lib/protocol/types';
import { benBecomes, numbered, participant, person, question, snapshot } from './fixtures';
import { foldBatch, fromSnapshot, withName, type RoomState } from './reducer';
import { byName, hasGuestPlace, inLine, listed, mayBeKept, named, placeFor } from './terms';

const TERMS: Terms = { recorded: false, stage: [person('ada'), person('dora')], guests: 1 };

function room(terms: Terms | null, more: Partial<Snapshot> = {}): RoomState {
  const base = snapshot(more);
  return fromSnapshot({ ...base, room: { ...base.room, terms } });
}

describe('the sheet', () => {
  const guest = (handle: string) => ({ ...person(handle), handle: '' });
  const staged = { stage: [participant('gast', 4, { role: 'speaker', guest_of: person('ada') })] };

  it.each<[string, Person, Partial<Snapshot>, string | null]>([
    ['names a member', person('dora'), {}, null],
    ['does not name another', person('ben'), {}, 'not_named'],
    ['has a place for a guest', guest('gina'), {}, null],
    ['and not for a second', guest('gina'), staged, 'no_guest_place'],
  ])('%s', (_, who, more, expected) => {
    expect(placeFor(room(TERMS, more), who)).toBe(expected);
    expect(placeFor(room(null, more), who)).toBe(null);
  });

  it('hinders nothing where there is none', () => {
    const none = room(null, staged);
    expect([named(none, 'id-ben'), hasGuestPlace(none), mayBeKept(none)]).toEqual([true, true, true]);
  });

  it('says whether anything may be kept', () => {
    expect([mayBeKept(room(TERMS)), mayBeKept(room({ ...TERMS, recorded: true }))]).toEqual([false, true]);
  });
});

it.each<[string[], string[], number]>([
  [[], [], 0],
  [['ada'], ['Ada'], 0],
  [['ada', 'ben', 'chen', 'dora'], ['Ada', 'Ben', 'Chen', 'Dora'], 0],
  [['ada', 'ben', 'chen', 'dora', 'eli'], ['Ada', 'Ben', 'Chen'], 2],
])('puts %j in a line', (handles, names, more) => {
  expect(inLine(handles.map(person), (full) => full)).toEqual({ names, more });
});

it('puts people in the order of their names', () => {
  const handles = byName(['dora', 'ada', 'chen'].map(person)).map(({ handle }) => handle);
  expect(handles).toEqual(['ada', 'chen', 'dora']);
});

it('says a list as one says it', () => {
  const say = (...names: string[]) => listed(names, (most, last) => `${most} and ${last}`);
  expect([say(), say('Ada'), say('Ada', 'Ben'), say('Ada', 'Ben', 'one guest')]).toEqual([
    '',
    'Ada',
    'Ada and Ben',
    'Ada, Ben and one guest',
  ]);
});

/** Plays events for a viewer in this role, and says what is being answered and what is left: "1 | 1 2". */
function played(role: Snapshot['you']['role'], events: RoomEvent[], questions: Question[]): string {
  const base = snapshot({ questions });
  const before = fromSnapshot({ ...base, you: { ...base.you, role } });
  const batch = { after: 10, seq: 20, audience_count: 2, events: numbered(11, ...events) };
  const after = foldBatch(before, batch, 'id-ben')!;
  return `${after.question?.number ?? '-'} | ${after.questions.map(({ number }) => number).join(' ')}`;
}

describe('questions', () => {
  const [first, second] = [question('chen', 1), question('dora', 2, 'Who draws them?')];
  const by = 'id-ada';
  const taken = (question: Question): RoomEvent => ({ type: 'question_taken', question, by });
  const closed: RoomEvent = { type: 'question_closed', by };
  const settled = (number: number): RoomEvent => ({ type: 'question_settled', number, answered: true, by });

  it.each<[string, RoomEvent[], string]>([
    ['wait', [], '- | 1 2'],
    ['are taken', [taken(second)], '2 | 1 2'],
    ['one after the other', [taken(second), closed, taken(first)], '1 | 1 2'],
    ['are put back', [taken(second), closed], '- | 1 2'],
    ['are settled', [taken(second), closed, settled(2)], '- | 1'],
    ['are passed over while another is answered', [taken(second), settled(1)], '2 | 2'],
    // One of whose asker the viewer may not know is not told: what was answered before goes all the same.
    ['are closed when what follows is not told', [taken(second), closed], '- | 1 2'],
    ['stay with the role', [taken(first), benBecomes('moderator', 1)], '1 | 1 2'],
  ])('of a moderator %s', (_, events, expected) => {
    expect(played('moderator', events, [first, second])).toBe(expected);
  });

  it('are known to others one at a time', () => {
    expect(played('listener', [taken(second)], [])).toBe('2 | ');
    expect(played('listener', [taken(second), closed, taken(first)], [])).toBe('1 | ');
  });

  it('show who asks by the name of now, and so does the sheet', () => {
    const dora = { ...person('dora'), name: 'Dora of now' };
    const state = withName(room(TERMS, { questions: [first, second], question: second }), dora);
    expect(state.question?.person).toEqual(dora);
    expect(state.questions.map(({ person }) => person.name)).toEqual(['Chen', 'Dora of now']);
    expect(state.room.terms?.stage.map(({ name }) => name)).toEqual(['Ada', 'Dora of now']);
  });
});
