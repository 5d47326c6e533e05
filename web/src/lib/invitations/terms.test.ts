import { expect, it } from 'vitest';
import type { Terms } from '$lib/api/invitations';
import { changes, termsOf } from './terms';

const terms: Terms = {
  topics: ['jazz', 'maps'],
  minutes: 60,
  languages: ['en'],
  recorded: true,
  others: [],
  audience: 'open',
  notes: '',
};

it('finds nothing between equal terms, in whatever order they stand', () => {
  expect(changes(terms, { ...terms, topics: ['maps', 'jazz'] })).toEqual([]);
});

it('names what came and went in a list', () => {
  expect(changes(terms, { ...terms, topics: ['jazz', 'ships'], others: ['Ben'] })).toEqual([
    { field: 'topics', added: ['ships'], removed: ['maps'] },
    { field: 'others', added: ['Ben'], removed: [] },
  ]);
});

it('names each value that differs', () => {
  const after: Terms = { ...terms, minutes: 90, recorded: false, audience: 'closed', notes: 'No slides' };
  expect(changes(terms, after).map((one) => one.field)).toEqual(['minutes', 'recorded', 'audience', 'notes']);
});

it('leaves out what is not a term', () => {
  expect(termsOf({ ...terms, version: 3, hash: 'x' } as Terms)).toEqual(terms);
});
