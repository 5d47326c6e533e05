import { expect, it } from 'vitest';
import type { RoomEvent, Snapshot, You } from '$lib/protocol/types';
import { benBecomes, numbered, participant, person, question, snapshot } from './fixtures';
import { newsOf } from './news';
import { foldBatch, fromSnapshot, type RoomState } from './reducer';

const ADA = person('ada');

/** What Ben is told of one event, as "kind by whom". */
function check(event: RoomEvent, expected: string[], you: Partial<You> = {}) {
  const base = snapshot();
  const before = fromSnapshot({ ...base, you: { ...base.you, ...you } });
  const batch = { after: 10, seq: 11, audience_count: 2, events: numbered(11, event) };
  const after = foldBatch(before, batch, 'id-ben')!;
  const told = newsOf(before, after, batch, 'id-ben').map((news) =>
    [news.kind, 'by' in news ? news.by?.handle : undefined, 'who' in news ? news.who.handle : undefined]
      .filter(Boolean)
      .join(' '),
  );
  expect(told).toEqual(expected);
}

const role = (cause: string, as: Snapshot['you']['role'], handle = 'ben'): RoomEvent =>
  ({ ...benBecomes(as, 1), person: person(handle), cause }) as RoomEvent;

it.each<[RoomEvent, string[]]>([
  [{ type: 'stage_offered', person: person('ben'), by: ADA }, ['invited ada']],
  [{ type: 'stage_offered', person: person('chen'), by: ADA }, []],
  [{ type: 'offer_ended', member: 'id-ben', cause: 'withdrawn' }, ['invitation_withdrawn']],
  [{ type: 'offer_ended', member: 'id-ben', cause: 'declined' }, []],
  [{ type: 'muted', member: 'id-ben', by: 'id-ada', role_epoch: 1 }, ['muted ada']],
  [{ type: 'muted', member: 'id-chen', by: 'id-ada', role_epoch: 1 }, []],
  [{ type: 'unmuted', member: 'id-ben', by: 'id-gone', role_epoch: 1 }, ['unmuted']],
  [{ type: 'hand_lowered', member: 'id-ben', cause: 'declined' }, ['hand_declined']],
  [{ type: 'hand_lowered', member: 'id-ben', cause: 'lowered' }, []],
  [role('hand_accepted', 'speaker'), ['on_stage ada']],
  [role('offer_accepted', 'speaker'), []],
  [role('moved_to_audience', 'listener'), ['moved_to_audience ada']],
  [role('stepped_down', 'listener'), []],
  [role('made_moderator', 'moderator'), ['made_moderator ada']],
  [role('moderator_taken', 'speaker'), ['moderator_taken ada']],
  [role('moderator_taken', 'moderator', 'ada'), []],
  // Chen comes from the audience, Ada goes from the stage.
  [role('hand_accepted', 'speaker', 'chen'), ['stage_joined chen']],
  [role('let_in', 'speaker', 'gast'), ['stage_joined gast']],
  [role('stepped_down', 'listener', 'ada'), ['stage_left ada']],
  [{ type: 'left', member: 'id-ada', reason: 'lost' }, ['stage_left ada']],
  [{ type: 'backchannel_set', open: true, slow_seconds: 0, by: 'id-ada' }, ['lines_on']],
  [{ type: 'backchannel_set', open: false, slow_seconds: 5, by: 'id-ada' }, ['lines_slow']],
  [{ type: 'backchannel_set', open: true, slow_seconds: 0, by: 'id-ben' }, []],
  [{ type: 'timer_set', until: 9_000, by: 'id-ada' }, ['timer_set']],
  [{ type: 'timer_set', until: null, by: 'id-ada' }, ['timer_off']],
  [{ type: 'timer_set', until: 9_000, by: 'id-ben' }, []],
  [{ type: 'link_pinned', number: 1, url: 'https://example.org', label: '', by: 'id-ada' }, ['link_pinned']],
  [{ type: 'link_pinned', number: 1, url: 'https://example.org', label: '', by: 'id-ben' }, []],
  [{ type: 'knocked', person: person('gast'), by: 'id-ada', until: 9 }, ['guest_waits gast']],
  [{ type: 'knock_ended', guest: 'id-gast', cause: 'gave_up' }, []],
  [{ type: 'stage_locked', locked: true, by: 'id-ada' }, ['stage_locked']],
  [{ type: 'stage_locked', locked: false, by: 'id-ada' }, ['stage_unlocked']],
  [{ type: 'stage_locked', locked: true, by: 'id-ben' }, []],
  [{ type: 'hands_ruled', rule: 'off', by: 'id-ada' }, ['hands_ruled']],
  [{ type: 'hands_ruled', rule: 'off', by: 'id-ben' }, []],
  [{ type: 'evidence_set', on: true, by: 'id-ada' }, ['evidence_on']],
  [{ type: 'evidence_set', on: false, by: 'id-ada' }, ['evidence_off']],
  [{ type: 'evidence_set', on: true, by: 'id-ben' }, []],
  [{ type: 'evidence_agreed', member: 'id-ada', agree: true }, []],
  [{ type: 'question_taken', question: question('chen'), by: 'id-ada' }, ['question_taken chen']],
  [{ type: 'question_taken', question: question('chen'), by: 'id-ben' }, []],
  [{ type: 'question_closed', by: 'id-ada' }, []],
  [{ type: 'question_settled', number: 1, answered: true, by: 'id-ada' }, []],
  [{ type: 'widened', kind: 'open', by: 'id-ada' }, ['widened']],
  [{ type: 'described', title: 'Other', topics: [], language: 'en', by: 'id-ada' }, ['renamed_room']],
  [{ type: 'described', title: snapshot().room.title, topics: ['a'], language: 'en', by: 'id-ada' }, []],
  [{ type: 'floor_given', member: 'id-ben', by: 'id-ada' }, ['you_lead']],
  [{ type: 'floor_given', member: 'id-chen', by: 'id-ada' }, ['leads chen']],
  [{ type: 'floor_given', member: 'id-ada', by: 'id-ben' }, []],
  [{ type: 'floor_given', member: null, by: 'id-ada' }, []],
  [{ type: 'banned', person: person('chen'), by: 'id-ada', reason: null }, ['banned chen']],
  [{ type: 'banned', person: person('chen'), by: 'id-ben', reason: null }, []],
  [role('handed_over', 'host'), ['made_host ada']],
  [role('handed_over', 'moderator'), []],
  [role('inherited', 'host', 'chen'), ['new_host chen']],
  [{ type: 'hand_raised', person: person('chen'), question: null, place: 0, spoken: false }, []],
  [{ type: 'mic_changed', member: 'id-ada', open: false }, []],
  [{ type: 'left', member: 'id-chen', reason: 'quit' }, []],
])('%j is told as %j', (event, expected) => check(event, expected));

it('tells moderators of hands', () => {
  check(
    { type: 'hand_raised', person: person('chen'), question: null, place: 0, spoken: false },
    ['hand_raised chen'],
    {
      role: 'moderator',
    },
  );
});

it('tells what happened while the connection was lost', () => {
  const base = snapshot();
  const was = fromSnapshot({ ...base, you: { ...base.you, role: 'speaker' } });
  const kinds = (you: Partial<You>) =>
    newsOf(was, fromSnapshot({ ...base, you: { ...was.you, ...you } }), null, 'id-ben').map(
      ({ kind }) => kind,
    );
  expect(kinds({})).toEqual([]);
  expect(kinds({ role: 'listener' })).toEqual(['moved_to_audience']);
  expect(kinds({ muted: true })).toEqual(['muted']);
  expect(kinds({ role: 'listener', offer: ADA })).toEqual(['invited', 'moved_to_audience']);
  expect(kinds({ role: 'moderator' })).toEqual(['made_moderator']);
  expect(kinds({ role: 'host' })).toEqual(['made_host']);
});

it('tells what else was done to oneself and to the room while the connection was lost', () => {
  const base = snapshot();
  const at = (
    you: Partial<You>,
    settings: Partial<Snapshot['settings']> = {},
    kind: Snapshot['room']['kind'] = 'closed',
  ) =>
    fromSnapshot({
      ...base,
      room: { ...base.room, kind },
      you: { ...base.you, ...you },
      settings: { ...base.settings, ...settings },
    });
  const kinds = (before: RoomState, after: RoomState) =>
    newsOf(before, after, null, 'id-ben').map(({ kind }) => kind);
  expect(kinds(at({ role: 'moderator' }), at({ role: 'speaker' }))).toEqual(['moderator_taken']);
  expect(kinds(at({ role: 'moderator' }), at({ role: 'host' }))).toEqual(['made_host']);
  expect(kinds(at({ role: 'moderator' }), at({ role: 'listener' }))).toEqual(['moved_to_audience']);
  expect(kinds(at({ role: 'speaker', muted: true }), at({ role: 'speaker' }))).toEqual(['unmuted']);
  expect(kinds(at({ role: 'speaker', muted: true }), at({}))).toEqual(['moved_to_audience']);
  expect(kinds(at({}), at({}, { stage_locked: true }))).toEqual(['stage_locked']);
  expect(kinds(at({}), at({}, { hands: 'off' }))).toEqual(['hands_ruled']);
  expect(kinds(at({}), at({}, { backchannel: true }))).toEqual(['lines_on']);
  expect(kinds(at({}), at({}, {}, 'open'))).toEqual(['widened']);
});

it('tells of an invitation and of guests who wait that are there on entering, and of nothing else', () => {
  const base = snapshot();
  expect(newsOf(null, fromSnapshot(base), null, 'id-ben')).toEqual([]);
  const gast = { person: person('gast'), by: 'id-ada', at: 0, until: 9_000 };
  const waited = fromSnapshot({ ...base, waiting: [gast] });
  expect(newsOf(null, waited, null, 'id-ben')).toEqual([{ kind: 'guest_waits', who: gast.person }]);
  expect(newsOf(waited, waited, null, 'id-ben')).toEqual([]);
  expect(newsOf(fromSnapshot(base), waited, null, 'id-ben')).toHaveLength(1);
  const offered = fromSnapshot({ ...base, you: { ...base.you, offer: ADA } });
  expect(newsOf(null, offered, null, 'id-ben')).toEqual([{ kind: 'invited', by: ADA }]);
});

it('tells of a question that is being answered once', () => {
  const base = snapshot();
  const asked = (number: number) => fromSnapshot({ ...base, question: question('chen', number) });
  const told = [{ kind: 'question_taken', who: person('chen'), question: 'Why maps?' }];
  expect(newsOf(null, asked(1), null, 'id-ben')).toEqual(told);
  expect(newsOf(fromSnapshot(base), asked(1), null, 'id-ben')).toEqual(told);
  expect(newsOf(asked(1), asked(1), null, 'id-ben')).toEqual([]);
  expect(newsOf(asked(1), asked(2), null, 'id-ben')).toEqual(told);
  expect(newsOf(asked(1), fromSnapshot(base), null, 'id-ben')).toEqual([]);
});

it('tells of an unanswered call-up to whoever runs the room or rang, and to nobody else', () => {
  const called = { person: person('dora'), by: 'id-ben', context: null, until: 9_000 };
  const told = (cause: 'declined' | 'expired' | 'answered' | 'withdrawn', inState: boolean, own: boolean) => {
    const base = snapshot();
    const before = fromSnapshot({ ...base, called: inState ? [called] : [] });
    const event = { type: 'call_up_ended', member: 'id-dora', cause } as const;
    const batch = { after: 10, seq: 11, audience_count: 2, events: numbered(11, event) };
    const after = foldBatch(before, batch, 'id-ben')!;
    return newsOf(before, after, batch, 'id-ben', own ? [called] : []).map(({ kind }) => kind);
  };
  expect(told('declined', true, true)).toEqual(['call_declined']);
  expect(told('expired', false, true)).toEqual(['call_expired']);
  expect(told('declined', false, false)).toEqual([]);
  expect(told('answered', true, true)).toEqual([]);
  expect(told('withdrawn', true, true)).toEqual([]);
});

it('tells whoever is on stage that they are asked for their last minute, and the others that it is kept', () => {
  const base = snapshot();
  const on = { ...base, room: { ...base.room, evidence: true } };
  const staged = (from: Snapshot) =>
    fromSnapshot({
      ...from,
      stage: [...from.stage, participant('ben', 2, { role: 'speaker' })],
      you: { ...from.you, role: 'speaker' },
    });
  const kinds = (before: RoomState | null, after: RoomState) =>
    newsOf(before, after, null, 'id-ben').map(({ kind }) => kind);
  expect(kinds(null, fromSnapshot(on))).toEqual(['evidence_on']);
  expect(kinds(null, staged(on))).toEqual(['evidence_asked']);
  expect(kinds(fromSnapshot(base), fromSnapshot(on))).toEqual(['evidence_on']);
  expect(kinds(staged(base), staged(on))).toEqual(['evidence_asked']);
  expect(kinds(fromSnapshot(on), staged(on))).toEqual(['on_stage', 'evidence_asked']);
  expect(kinds(staged(on), staged(on))).toEqual([]);
  expect(kinds(staged(on), staged(base))).toEqual(['evidence_off']);

  // By events: of the host, who switches it on and is on stage, the same is asked.
  for (const by of ['id-ada', 'id-ben']) {
    const event = { type: 'evidence_set', on: true, by } as const;
    const batch = { after: 10, seq: 11, audience_count: 2, events: numbered(11, event) };
    const before = staged(base);
    const after = foldBatch(before, batch, 'id-ben')!;
    expect(newsOf(before, after, batch, 'id-ben')).toEqual([{ kind: 'evidence_asked' }]);
  }
});
