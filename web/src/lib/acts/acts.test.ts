import { expect, it } from 'vitest';
import { person } from '$lib/room/fixtures';
import { actInWords, ownActInWords } from './acts';

const [ada, ben] = [person('ada'), person('ben')];

it.each([
  [{ kind: 'banned', by: ada, whom: ben }, 'Ada banned Ben from the room', 'Ada banned you from the room'],
  [{ kind: 'muted', by: null, whom: ben }, 'A moderator muted Ben', 'A moderator muted you'],
  [
    { kind: 'removed', by: ada, whom: null },
    'Ada removed somebody from the room',
    'Ada removed you from the room',
  ],
  [{ kind: 'stage_locked', by: ada, whom: null }, 'Ada locked the stage', 'Ada locked the stage'],
  [{ kind: 'room_ended', by: null, whom: null }, 'The server ended the room', 'The server ended the room'],
] as const)('%j is told as %s', (act, told, own) => {
  expect(actInWords(act)).toBe(told);
  expect(ownActInWords(act)).toBe(own);
});

it('shows a kind that a newer server knows as it is', () => {
  const act = { kind: 'constructed' as 'muted', by: ada, whom: ben };
  expect([actInWords(act), ownActInWords(act)]).toEqual(['constructed', 'constructed']);
});
