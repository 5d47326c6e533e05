import { expect, it } from 'vitest';
import type { Chapter } from '$lib/api/replays';
import { replay } from './fixtures';
import { chapterName, nameOf, shortName, speakerOf } from './names';

const talk = replay();
const chapter = (more: Partial<Chapter>): Chapter => ({
  at_ms: 0,
  title: null,
  by: 'speaker',
  speaker: 1,
  ...more,
});

it('calls a chapter what the host calls it, or after why it begins', () => {
  const list = [
    { title: 'On maps' },
    { by: 'start' as const },
    { by: 'question' as const },
    {},
    { by: 'floor' as const, speaker: 2 },
    { by: 'silence' as const, speaker: null },
    { by: 'floor' as const, speaker: 9 },
  ];
  expect(list.map((one) => chapterName(talk, chapter(one)))).toEqual([
    'On maps',
    'The beginning',
    'A question',
    'Ada Lovelace speaks',
    'Ben leads',
    'After a pause',
    'After a pause',
  ]);
});

it('has words for who may not be known, and the whole name of a guest', () => {
  const [ada] = talk.speakers;
  expect([nameOf(ada!), shortName(ada!)]).toEqual(['Ada Lovelace', 'Ada']);
  expect(shortName({ ...ada!, person: null, guest: true, name: 'President Orlov' })).toBe('President Orlov');
  expect(nameOf({ name: '' })).toBe('Somebody who is not shown to you');
  expect(speakerOf(talk, 9)).toBeNull();
});
