import { expect, it } from 'vitest';
import type { Notice } from '$lib/api/hallway';
import { signOf } from './signs';
import { told } from './told';

const ada = { id: 'a', handle: 'ada', name: 'Ada', avatar: null };
const at = new Date(new Date().getFullYear(), 10, 24, 19, 0).getTime();

function notice(kind: Notice['kind'], change: Notice['event'] = null): Notice {
  const body = 'The long talk';
  return { id: '1', kind, actor: ada, subject: 'e', body, event: change, link: null, at: 0, read: false };
}
const of = (change: NonNullable<Notice['event']>['change'], starts_at: number | null) =>
  notice('event_changed', { change, starts_at, time_zone: 'Europe/Berlin' });

it.each([
  [of('dated', at), /^“The long talk” has a date: \S+, .*7:00\sPM$/],
  [of('moved', at), /^“The long talk” is moved to \S+, .*7:00\sPM$/],
  [of('announced', at), /^The next “The long talk”: \S+, .*7:00\sPM$/],
  [of('undated', null), /^The date of “The long talk” was taken back/],
  [of('cancelled', at), /^“The long talk” is called off$/],
  [of('live', at), /^“The long talk” is on now/],
  // The date was taken back before this was read.
  [of('dated', null), /^There is news of “The long talk”$/],
  // Of an event that the member may not know of any more.
  [notice('event_changed'), /^There is news of “The long talk”$/],
  [
    notice('cohost_asked', { change: null, starts_at: at, time_zone: '' }),
    /^Ada asks you to host “The long talk” too$/,
  ],
  [notice('office_offered'), /^Ada asks you to act for them: The long talk$/],
  [notice('something_new' as 'followed'), /^Something happened$/],
])('says what happened (%#)', (what, words) => {
  expect(told(what)).toMatch(words);
});

it('has a sign for what it knows, and none for what it does not', () => {
  expect(signOf(of('cancelled', null))).not.toBe(signOf(of('dated', at)));
  expect(signOf(of('moved', at))).toBe(signOf(notice('event_changed')));
  expect(signOf(notice('something_new' as 'followed'))).toBeNull();
});
