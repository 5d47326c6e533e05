import { expect, it } from 'vitest';
import type { Person } from '$lib/protocol/types';
import { emptyDraft, letterOf, textsOf } from './draft';

const mark: Person = { id: '1', handle: 'mark', name: 'Mark', avatar: null };
const written = { ...emptyDraft('en'), title: ' Come ', text: 'Dear Mark,\n\ncome. ' };

it('is to nobody at first', () => {
  expect(letterOf(written)).toBeNull();
  expect(letterOf({ ...written, outside: true, name: '  ' })).toBeNull();
  // Whoever was chosen before does not count once it is to somebody outside.
  expect(letterOf({ ...written, member: mark, outside: true })).toBeNull();
});

it('goes to a member by their handle, without what was not filled in', () => {
  expect(letterOf({ ...written, member: mark, name: 'Ben' })).toEqual({
    invitee: { handle: 'mark' },
    language: 'en',
    title: 'Come',
    text: 'Dear Mark,\n\ncome.',
    topics: [],
    days: 90,
    translations: [],
  });
});

it('describes somebody outside, with their domain as a host name', () => {
  const draft = { ...written, outside: true, name: ' Ben ', domain: 'https://Example.org/', house: 'makers' };
  const letter = letterOf(draft);
  expect(letter?.invitee).toEqual({ name: 'Ben', about: '', domain: 'example.org' });
  expect(letter?.house).toBe('makers');
  expect(letterOf({ ...draft, domain: ' ' })?.invitee).toEqual({ name: 'Ben', about: '' });
});

it('is previewed with what is not written yet', () => {
  const translations = [{ language: 'ru', title: '', text: 'Привет' }];
  const texts = textsOf({ ...written, translations }, { title: 'Title', text: 'Text' });
  expect(texts).toEqual([
    { language: 'en', title: 'Come', text: 'Dear Mark,\n\ncome.', original: true },
    { language: 'ru', title: 'Title', text: 'Привет', original: false },
  ]);
});
