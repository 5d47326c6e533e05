import { expect, it } from 'vitest';
import { faceOf, calledIn, firstName, initialsOf, squircle } from './pattern';

it.each([
  ['Ada Lovelace', 'AL'],
  ['ada', 'A'],
  ['Фаина Георгиевна Раневская', 'ФР'],
  ['  Ben  ', 'B'],
  ['“Chen”', 'C'],
  ['★', '·'],
])('initials of %s are %s', (name, expected) => {
  expect(initialsOf(name)).toBe(expected);
});

it('gives one handle one face, and different handles different ones', () => {
  expect(faceOf('ada', 'Ada')).toEqual(faceOf('ada', 'Ada'));
  const faces = new Set(
    ['ada', 'ben', 'chen', 'dora', 'eli', 'fay', 'glen', 'hana'].map((handle) => {
      const { ground, path, turn } = faceOf(handle, 'X');
      return `${ground} ${path} ${turn}`;
    }),
  );
  expect(faces.size).toBe(8);
});

it('takes the first word as the large name', () => {
  expect(firstName('Ada Lovelace')).toBe('Ada');
});

it('calls a guest by the whole name', () => {
  const person = { name: 'President Orlov' };
  expect(calledIn({ person })).toBe('President');
  expect(calledIn({ person, guest_of: { name: 'Ada' } })).toBe('President Orlov');
});

it('draws a squircle inside its box and fuller than a circle', () => {
  const points = squircle(100, 2)
    .slice(1, -1)
    .split('L')
    .map((pair) => pair.split(' ').map(Number) as [number, number]);
  for (const [x, y] of points) {
    expect(Math.min(x, y)).toBeGreaterThanOrEqual(2);
    expect(Math.max(x, y)).toBeLessThanOrEqual(98);
  }
  // On the diagonal a circle of radius 48 reaches 50 + 33.9.
  expect(Math.max(...points.map(([x, y]) => Math.min(x, y)))).toBeGreaterThan(85);
});
