import { expect, it } from 'vitest';
import type { Participant, Role, Snapshot } from '$lib/protocol/types';
import { actionsFor, voiceButton } from './actions';
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
  ['moderator', host, ''],
  ['moderator', listener, 'offer remove'],
  ['moderator', speaker, 'mute move make_moderator remove'],
  ['moderator', { ...speaker, muted: true }, 'unmute move make_moderator remove'],
  ['host', speaker, 'mute move make_moderator hand_over remove'],
  ['host', moderator, 'mute move hand_over remove'],
  ['listener', participant('ben', 2), ''],
  ['speaker', participant('ben', 2, { role: 'speaker' }), 'step_down'],
  ['host', participant('ben', 2, { role: 'host' }), 'step_down'],
])('a %s may do with %o: %s', (viewer, target, expected) => check(viewer, target, expected));

it('follows hands and offers', () => {
  const chen = person('chen');
  check('host', listener, 'accept_hand remove', { hands: [{ person: chen, question: null, at: 0 }] });
  check('host', listener, 'withdraw_offer remove', { offers: [{ person: chen, by: person('ada') }] });
});

it('gives listeners a hand and people on stage a microphone', () => {
  const { you } = snapshot();
  expect(voiceButton(you)).toBe('hand');
  expect(voiceButton({ ...you, role: 'speaker' })).toBe('microphone');
});
