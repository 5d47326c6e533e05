import { expect, it } from 'vitest';
import { en, names, roll } from './en';
import { numbersIn } from './plural';

it.each([
  [0, '0 listeners'],
  [1, '1 listener'],
  [1204, '1\u2009204 listeners'],
  [1234567, '1\u2009234\u2009567 listeners'],
])('counts %d in English', (n, expected) => {
  expect(numbersIn('en').count(n, { one: 'listener', other: 'listeners' })).toBe(expected);
});

it.each([
  [1, '1 слушатель'],
  [3, '3 слушателя'],
  [11, '11 слушателей'],
  [21, '21 слушатель'],
])('counts %d in Russian', (n, expected) => {
  const forms = { one: 'слушатель', few: 'слушателя', many: 'слушателей', other: 'слушателя' };
  expect(numbersIn('ru').count(n, forms)).toBe(expected);
});

it.each([
  [[], 0, ''],
  [['Ada'], 1, 'Ada'],
  [['Ada', 'Ben'], 2, 'Ada and Ben'],
  [['Ada', 'Ben', 'Chen'], 3, 'Ada, Ben and Chen'],
  [['Ada', 'Ben', 'Chen'], 7, 'Ada, Ben, Chen and 4 more'],
])('lists %j of %d people', (shown, total, expected) => {
  expect(names(shown, total)).toBe(expected);
});

it('rolls names up for a card', () => {
  expect(roll(['Ada', 'Ben'], 2)).toBe('Ada, Ben');
  expect(roll(['Ada', 'Ben'], 5)).toBe('Ada, Ben +3');
});

it('has words for every code, and for codes that it does not know', () => {
  expect(en.error('handle_taken')).not.toBe(en.error('some_new_code'));
  expect(en.error('some_new_code')).toContain('some_new_code');
});

it('keeps to the tone: no exclamation marks', () => {
  const walk = (value: unknown): string[] =>
    typeof value === 'string'
      ? [value]
      : value && typeof value === 'object'
        ? Object.values(value).flatMap(walk)
        : [];
  for (const text of walk(en)) expect(text).not.toContain('!');
});
