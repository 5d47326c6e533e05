import { expect, it } from 'vitest';
import type { Participant, Role, Snapshot } from '$lib/protocol/types';
import { actionsFor, endsByLeaving, voiceButton } from './actions';
import { participant, person, snapshot } from './fixtures';
import { fromSnapshot } from './reducer';

function check(viewer: Role, target: Participant, expected: string, more: Partial<Snapshot> = {}) {
  const base = snapshot(more);
  const state = fromSnapshot({ ...base, you: { ...base.you, role: viewer } });
  const kinds = actionsFor(state, target).map(({ kind }) => kind);
  expect(kinds.join(' ')).toBe(expected);
}

const listener = participant('chen', 3);
const speaker = participant('chen', 3, { role: 'speaker' });
const moderator = participant('chen', 3, { role: 'moderator' });
const host = participant('ada', 1, { role: 'host' });

it.each<[Role, Participant, string]>([
  ['listener', speaker, ''],
  ['speaker', listener, ''],
  ['moderator', host, 'lead'],
  ['moderator', listener, 'offer remove ban'],
  ['moderator', speaker, 'lead mute move make_moderator remove ban'],
  ['moderator', { ...speaker, muted: true }, 'lead unmute move make_moderator remove ban'],
  ['host', speaker, 'lead mute move make_moderator hand_over remove ban'],
  ['host', moderator, 'lead mute move take_moderator hand_over remove ban'],
  ['host', { ...speaker, guest_of: person('ada') }, 'lead mute move remove ban'],
  ['listener', participant('ben', 2), ''],
  ['speaker', participant('ben', 2, { role: 'speaker' }), 'step_down'],
  ['host', participant('ben', 2, { role: 'host' }), 'lead step_down'],
])('a %s may do with %o: %s', (viewer, target, expected) => check(viewer, target, expected));

it('follows hands and offers', () => {
  const chen = person('chen');
  check('host', listener, 'accept_hand remove ban', {
    hands: [{ person: chen, question: null, at: 0, spoken: false }],
  });
  check('host', listener, 'withdraw_offer remove ban', { offers: [{ person: chen, by: person('ada') }] });
});

it('lets who leads the interview hand it on', () => {
  const leads = (floor: string) => ({ settings: { ...snapshot().settings, floor } });
  check('speaker', speaker, 'lead', leads('id-ben'));
  check('speaker', speaker, '', leads('id-ada'));
  check('speaker', participant('ben', 2, { role: 'speaker' }), 'lead_no_more step_down', leads('id-ben'));
  check('moderator', host, 'lead_no_more', leads('id-ada'));
});

it('gives listeners a hand and people on stage a microphone', () => {
  const { you } = snapshot();
  expect(voiceButton(you)).toBe('hand');
  expect(voiceButton({ ...you, role: 'speaker' })).toBe('microphone');
});

it('says why nobody can be brought on a locked stage, and hinders nothing else', () => {
  const hindered = (stage_locked: boolean, hands: Snapshot['hands'] = []) => {
    const base = snapshot({ settings: { ...snapshot().settings, stage_locked }, hands });
    const state = fromSnapshot({ ...base, you: { ...base.you, role: 'host' } });
    return actionsFor(state, listener).map(({ kind, obstacle }) => `${kind} ${obstacle}`);
  };
  expect(hindered(true)).toEqual(['offer stage_locked', 'remove null', 'ban null']);
  expect(hindered(false)).toEqual(['offer null', 'remove null', 'ban null']);
  const hand = { person: person('chen'), question: null, at: 0, spoken: false };
  expect(hindered(true, [hand])[0]).toBe('accept_hand stage_locked');
});

it('says who has no place on stage by the talk sheet', () => {
  const base = snapshot();
  const hindered = (target: Participant, guests: number, stage_locked = false) => {
    const terms = { recorded: false, stage: [person('ada'), person('dora')], guests };
    const room = { ...base.room, terms };
    const settings = { ...base.settings, stage_locked };
    const guest = participant('gast', 4, { role: 'speaker', guest_of: person('ada') });
    const you = { ...base.you, role: 'host' as const };
    const state = fromSnapshot({ ...base, room, settings, you, stage: [...base.stage, guest] });
    return actionsFor(state, target).find(({ kind }) => kind === 'offer')!.obstacle;
  };
  const guest = { ...listener, person: { ...person('chen'), handle: '' }, guest_of: person('ada') };
  expect([hindered(listener, 5), hindered(listener, 5, true)]).toEqual(['not_named', 'not_named']);
  expect(hindered(participant('dora', 5), 0)).toBe(null);
  expect(hindered(participant('dora', 5), 0, true)).toBe('stage_locked');
  expect([hindered(guest, 1), hindered(guest, 2)]).toEqual(['no_guest_place', null]);
});

it('knows when leaving ends the room for others: with nobody on stage who could have it', () => {
  const ends = (role: Role, stage: Participant[], count: number) => {
    const base = snapshot({ stage, audience: { count, first: [] } });
    return endsByLeaving(fromSnapshot({ ...base, you: { ...base.you, role } }));
  };
  const own = participant('ben', 2, { role: 'host' });
  const guest = { ...speaker, guest_of: person('ben') };
  expect(ends('host', [own], 1)).toBe(true);
  expect(ends('host', [own, guest], 0)).toBe(true);
  expect(ends('host', [own, speaker], 1)).toBe(false);
  // With nobody else there, there is nobody to ask for.
  expect(ends('host', [own], 0)).toBe(false);
  expect(ends('moderator', [host, participant('ben', 2, { role: 'moderator' })], 1)).toBe(false);
  expect(ends('listener', [host], 2)).toBe(false);
  expect(ends('listener', [], 2)).toBe(false);
});
