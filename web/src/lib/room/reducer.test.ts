import { describe, expect, it } from 'vitest';
import type { RoomEvent, Snapshot } from '$lib/protocol/types';
import { benBecomes, numbered, participant, person, snapshot } from './fixtures';
import {
  FIRST_LISTENERS,
  find,
  fold,
  foldBatch,
  forgetting,
  fromSnapshot,
  withName,
  type RoomState,
} from './reducer';

const BEN = 'id-ben';

/** A line of text that says all a state holds, so that a case reads as "events -> picture". */
function picture({ you, stage, hands, offers, audience, ended }: RoomState): string {
  const one = (p: (typeof stage)[number]) =>
    p.person.handle +
    (p.role === 'listener' ? '' : `:${p.role}`) +
    (p.mic ? '+mic' : '') +
    (p.muted ? '+muted' : '') +
    (p.connected ? '' : '+away');
  return [
    `stage ${stage.map(one).join(' ')}`,
    `audience ${audience.first.map(one).join(' ')}`,
    `hands ${hands.map((h) => h.person.handle + (h.question ? `?${h.question}` : '')).join(' ')}`,
    `offers ${offers.map((o) => `${o.by.handle}>${o.person.handle}`).join(' ')}`,
    `you ${you.role}/${you.role_epoch}${you.mic ? '+mic' : ''}${you.muted ? '+muted' : ''}` +
      `${you.hand ? `+hand${you.hand.question ? `?${you.hand.question}` : ''}` : ''}` +
      `${you.offer ? `+offer:${you.offer.handle}` : ''}`,
    ended ? 'ended' : '',
  ]
    .map((line) => line.trim())
    .filter((line) => !/^(hands|offers)$/.test(line) && line !== '')
    .join(' | ');
}

function check(events: RoomEvent[], expected: string, from: Partial<Snapshot> = {}) {
  let state = fromSnapshot(snapshot(from));
  for (const event of events) state = fold(state, event, 2_000, BEN);
  expect(picture(state)).toBe(expected);
}

const START = 'stage ada:host+mic | audience ben chen | you listener/0';
const entered = (handle: string, number: number): RoomEvent => ({
  type: 'entered',
  person: person(handle),
  number,
  guest_of: null,
});
const left = (handle: string): RoomEvent => ({ type: 'left', member: `id-${handle}`, reason: 'quit' });
const handUp = (handle: string, question: string | null, place = 0): RoomEvent => ({
  type: 'hand_raised',
  person: person(handle),
  question,
  place,
  spoken: false,
});
const muted = (type: 'muted' | 'unmuted', handle: string, role_epoch: number): RoomEvent => ({
  type,
  member: `id-${handle}`,
  by: 'id-ada',
  role_epoch,
});
const mic = (handle: string, open: boolean): RoomEvent => ({
  type: 'mic_changed',
  member: `id-${handle}`,
  open,
});

describe('folding', () => {
  it('starts from the snapshot', () => check([], START));

  it('lets people in by number and out', () =>
    check(
      [entered('eli', 9), entered('dora', 5), left('chen')],
      'stage ada:host+mic | audience ben dora eli | you listener/0',
    ));

  it('enters nobody twice', () => check([entered('chen', 3)], START));

  it('shows who is away', () =>
    check(
      [
        { type: 'connection_lost', member: 'id-ada' },
        { type: 'connection_lost', member: 'id-chen' },
        { type: 'returned', member: 'id-chen' },
      ],
      'stage ada:host+mic+away | audience ben chen | you listener/0',
    ));

  it('keeps the hand of its owner out of the moderators list', () =>
    check([handUp('ben', 'why?')], 'stage ada:host+mic | audience ben chen | you listener/0+hand?why?'));

  it('lowers the own hand', () =>
    check([handUp('ben', null), { type: 'hand_lowered', member: BEN, cause: 'declined' }], START));

  it('queues hands for a moderator and drops those of who leaves', () =>
    check(
      [handUp('chen', 'a'), entered('dora', 4), handUp('dora', null), left('chen')],
      'stage ada:host+mic | audience ben dora | hands dora | you listener/0',
    ));

  it('puts an accepted hand on stage, without hand and with the new epoch', () =>
    check(
      [handUp('ben', 'why?'), benBecomes('speaker', 3)],
      'stage ada:host+mic ben:speaker | audience chen | you speaker/3',
    ));

  it('takes an offer to the one who was asked', () =>
    check(
      [{ type: 'stage_offered', person: person('ben'), by: person('ada') }],
      'stage ada:host+mic | audience ben chen | you listener/0+offer:ada',
    ));

  it('ends an offer, to oneself and to another', () =>
    check(
      [
        { type: 'stage_offered', person: person('ben'), by: person('ada') },
        { type: 'stage_offered', person: person('chen'), by: person('ada') },
        { type: 'offer_ended', member: BEN, cause: 'withdrawn' },
        { type: 'offer_ended', member: 'id-chen', cause: 'declined' },
      ],
      START,
    ));

  it('closes the microphone of who is muted, and leaves it closed after', () =>
    check(
      [benBecomes('speaker', 1), mic('ben', true), muted('muted', 'ben', 2), muted('unmuted', 'ben', 3)],
      'stage ada:host+mic ben:speaker | audience chen | you speaker/3',
    ));

  it('shows a mute', () =>
    check(
      [benBecomes('speaker', 1), mic('ben', true), muted('muted', 'ben', 2)],
      'stage ada:host+mic ben:speaker+muted | audience chen | you speaker/2+muted',
    ));

  it('keeps place, microphone and mute when a role changes on stage', () =>
    check(
      [
        benBecomes('speaker', 1),
        muted('muted', 'ben', 2),
        benBecomes('moderator', 3),
        { ...benBecomes('moderator', 1), person: person('ada'), number: 1 } as RoomEvent,
      ],
      'stage ada:moderator+mic ben:moderator+muted | audience chen | you moderator/3+muted',
    ));

  it('closes the microphone and lifts the mute of who goes to the audience', () =>
    check(
      [benBecomes('speaker', 1), muted('muted', 'ben', 2), benBecomes('listener', 3)],
      'stage ada:host+mic | audience ben chen | you listener/3',
    ));

  it('ends', () => check([{ type: 'ended', by: null }], `${START} | ended`));

  it('ignores what is said of people it does not know', () =>
    check([mic('zoe', true), muted('muted', 'zoe', 1), left('zoe')], START));

  it('keeps only the first listeners by name', () => {
    let state = fromSnapshot(snapshot());
    for (let number = 100; number > 0; number--)
      state = fold(state, entered(`p${number}`, number + 10), 0, BEN);
    expect(state.audience.first).toHaveLength(FIRST_LISTENERS);
    expect(state.audience.first.at(-1)!.number).toBe(10 + FIRST_LISTENERS - 2);
  });
});

/** Ben's view as a moderator. */
const moderating = (more: Partial<Snapshot> = {}): Partial<Snapshot> => {
  const { you } = snapshot();
  return {
    you: { ...you, role: 'moderator' },
    stage: [participant('ben', 2, { role: 'moderator' })],
    ...more,
  };
};

function after(events: RoomEvent[], from: Partial<Snapshot> = {}): RoomState {
  return events.reduce((state, event) => fold(state, event, 2_000, BEN), fromSnapshot(snapshot(from)));
}

describe('running a room', () => {
  const by = 'id-ada';
  const queue = (events: RoomEvent[]) =>
    after(events, moderating())
      .hands.map(({ person }) => person.handle)
      .join(' ');

  it.each<[string, RoomEvent[], string]>([
    ['places a new hand', [handUp('a', null), handUp('b', null, 1), handUp('c', null, 1)], 'a c b'],
    ['puts one beyond the end at the end', [handUp('a', null), handUp('b', null, 9)], 'a b'],
    [
      'moves a hand up, down and to the end',
      [
        ...['a', 'b', 'c'].map((handle, place) => handUp(handle, null, place)),
        { type: 'hand_moved', member: 'id-c', place: 0 },
        { type: 'hand_moved', member: 'id-a', place: 99 },
      ],
      'c b a',
    ],
    ['ignores a hand that it does not know', [{ type: 'hand_moved', member: BEN, place: 0 }], ''],
  ])('%s', (_, events, expected) => expect(queue(events)).toBe(expected));

  it('keeps a hand as it is when it moves', () => {
    const raised: RoomEvent = {
      type: 'hand_raised',
      person: person('chen'),
      question: 'why?',
      place: 0,
      spoken: true,
    };
    const { hands } = after([raised, { type: 'hand_moved', member: 'id-chen', place: 0 }], moderating());
    expect(hands).toEqual([{ person: person('chen'), question: 'why?', at: 2_000, spoken: true }]);
  });

  it('takes over what is set', () => {
    const { room, settings } = after([
      { type: 'described', title: 'Other', topics: ['rust'], language: 'ru', by },
      { type: 'widened', kind: 'open', by },
      { type: 'hands_ruled', rule: 'followed', by },
      { type: 'stage_locked', locked: true, by },
      { type: 'backchannel_set', open: true, slow_seconds: 30, by },
      { type: 'timer_set', until: 9_000, by },
      { type: 'link_pinned', number: 1, url: 'https://a.example', label: 'A', by },
      { type: 'link_pinned', number: 2, url: 'https://b.example', label: 'B', by },
      { type: 'link_unpinned', number: 1, by },
      { type: 'floor_given', member: 'id-ada', by },
    ]);
    expect(room).toMatchObject({ title: 'Other', topics: ['rust'], language: 'ru', kind: 'open' });
    expect(settings).toEqual({
      hands: 'followed',
      stage_locked: true,
      backchannel: true,
      slow_seconds: 30,
      timer: 9_000,
      floor: 'id-ada',
      links: [{ number: 2, url: 'https://b.example', label: 'B' }],
    });
  });

  it.each<[string, RoomEvent, string | null]>([
    ['leaves', left('ada'), null],
    [
      'goes to the audience',
      { ...benBecomes('listener', 1), person: person('ada'), number: 1 } as RoomEvent,
      null,
    ],
    ['becomes host', { ...benBecomes('host', 1), person: person('ada'), number: 1 } as RoomEvent, 'id-ada'],
    ['sees somebody else leave', left('chen'), 'id-ada'],
  ])('who leads the interview and %s', (_, event, floor) => {
    const { settings } = after([{ type: 'floor_given', member: 'id-ada', by }, event]);
    expect(settings.floor).toBe(floor);
  });

  it('keeps lists of call-ups, waiting guests and bans', () => {
    const dora = person('dora');
    const came = after(
      [
        { type: 'called_up', person: dora, by, context: 'rust', until: 9_000 },
        { type: 'knocked', person: person('gast'), by, until: 8_000 },
        { type: 'banned', person: person('eve'), by, reason: 'noise' },
        { type: 'banned', person: person('mal'), by, reason: null },
        { type: 'unbanned', member: 'id-mal', by },
      ],
      moderating(),
    );
    expect(came.called).toEqual([{ person: dora, by, context: 'rust', until: 9_000 }]);
    expect(came.waiting).toEqual([{ person: person('gast'), by, at: 2_000, until: 8_000 }]);
    expect(came.bans).toEqual([{ person: person('eve'), by, reason: 'noise', at: 2_000 }]);
    const over = [
      { type: 'call_up_ended', member: 'id-dora', cause: 'answered' },
      { type: 'knock_ended', guest: 'id-gast', cause: 'admitted' },
    ] as const;
    const ended = over.reduce((state, event) => fold(state, event, 3_000, BEN), came);
    expect([ended.called, ended.waiting]).toEqual([[], []]);
  });

  it('gives who called up no list of their own', () => {
    const called: RoomEvent = { type: 'called_up', person: person('dora'), by: BEN, context: null, until: 1 };
    expect(after([called]).called).toEqual([]);
  });

  it('remembers who left, until they are back; guests are gone', () => {
    const guest = { ...entered('gast', 9), guest_of: person('ada') } as RoomEvent;
    const names = (state: RoomState) => state.gone.map(({ handle }) => handle).join(' ');
    const gone = after([guest, entered('dora', 5), left('chen'), left('dora'), left('gast'), left('zoe')]);
    expect(names(gone)).toBe('dora chen');
    expect(names(fold(gone, entered('dora', 6), 2_000, BEN))).toBe('chen');
    expect(names(fromSnapshot(snapshot(), gone))).toBe('dora');
    const forgotten = {
      after: 10,
      seq: 11,
      audience_count: 1,
      events: numbered(11, { type: 'forgotten', member: 'id-dora' }),
    };
    expect(names(forgetting(gone, forgotten))).toBe('chen');
  });

  it('shows by whom a guest is here, under the name of now', () => {
    const guest = { ...entered('gast', 9), guest_of: person('ada') } as RoomEvent;
    const state = withName(after([guest]), { ...person('ada'), name: 'Ada L.' });
    expect(find(state, 'id-gast')?.guest_of?.name).toBe('Ada L.');
  });
});

describe('a batch', () => {
  const start = fromSnapshot(snapshot());
  const batch = (after: number, seq: number, ...events: ReturnType<typeof numbered>) =>
    foldBatch(start, { after, seq, audience_count: 7, events }, BEN);

  it('moves the number and the count, also without events', () => {
    const next = batch(10, 14)!;
    expect([next.seq, next.audience.count]).toEqual([14, 7]);
  });

  it('skips numbers that are not for this viewer', () => {
    expect(find(batch(10, 14, ...numbered(13, entered('dora', 4)))!, 'id-dora')).toBeDefined();
  });

  it('asks for a snapshot after a gap', () => {
    expect(batch(12, 14)).toBeNull();
  });

  it('asks for a snapshot when words are gone, unless that was folded', () => {
    const gone = numbered(11, { type: 'forgotten', member: 'id-zoe' });
    expect(batch(10, 11, ...gone)).toBeNull();
    expect(batch(9, 11, ...numbered(10, { type: 'forgotten', member: 'id-zoe' }))).not.toBeNull();
  });

  it('folds nothing twice', () => {
    expect(batch(8, 9, ...numbered(9, left('chen')))).toBe(start);
    const next = batch(8, 11, ...numbered(10, left('chen'), mic('ada', false)))!;
    expect(picture(next)).toBe('stage ada:host | audience ben chen | you listener/0');
  });

  it('leaves the state that it started from as it was', () => {
    const before = JSON.stringify(start);
    batch(10, 12, ...numbered(11, benBecomes('speaker', 1), left('ada')));
    expect(JSON.stringify(start)).toBe(before);
  });

  it('finds people on stage and in the audience', () => {
    expect(find(start, 'id-ada')).toEqual(participant('ada', 1, { role: 'host', mic: true }));
    expect(find(start, 'id-zoe')).toBeUndefined();
  });
});

describe('a new name', () => {
  it('is shown wherever the person is', () => {
    const [ada, ben, chen] = ['ada', 'ben', 'chen'].map(person);
    const before = fromSnapshot(
      snapshot({
        hands: [{ person: chen!, question: null, at: 1, spoken: false }],
        offers: [{ person: chen!, by: ada! }],
      }),
    );
    const state = { ...before, you: { ...before.you, offer: ada! } };
    const calls = (who: typeof ada, name: string) => withName(state, { ...who!, name });
    const ofAda = calls(ada, 'Ada L.');
    expect([find(ofAda, ada!.id)?.person.name, ofAda.you.offer?.name, ofAda.offers[0]?.by.name]).toEqual(
      Array(3).fill('Ada L.'),
    );
    const ofChen = calls(chen, 'Chen C.');
    expect([
      find(ofChen, chen!.id)?.person.name,
      ofChen.hands[0]?.person.name,
      ofChen.offers[0]?.person.name,
    ]).toEqual(Array(3).fill('Chen C.'));
    expect(calls(ben, 'Benjamin').you.person.name).toBe('Benjamin');
    expect(calls(person('nobody'), 'Nobody')).toEqual(state);
  });
});
