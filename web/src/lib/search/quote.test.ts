import { expect, it } from 'vitest';
import { fitting } from './quote';

const shown = (said: string, typed: string) =>
  fitting(said, typed)
    .map((piece) => (piece.found ? `[${piece.said}]` : piece.said))
    .join('');

it('marks whole words that begin as something typed does', () => {
  expect(shown('The borscht, red borscht.', 'BORS')).toBe('The [borscht], red [borscht].');
  expect(shown('Put the beetroot in.', 'in put')).toBe('[Put] the beetroot [in].');
  expect(shown('Ещё ёж.', 'еж ещ')).toBe('[Ещё] [ёж].');
  expect(shown('Zoë said so', 'zoe')).toBe('[Zoë] said so');
});

it('keeps the text as it is', () => {
  for (const typed of ['', '…', 'nothing of it', 'a.b']) {
    const pieces = fitting('One – two, (three)', typed);
    expect(pieces.map(({ said }) => said).join('')).toBe('One – two, (three)');
    expect(pieces.some(({ found }) => found)).toBe(false);
  }
  expect(fitting('', 'a')).toEqual([]);
});
