import { expect, it } from 'vitest';
import { MOST_SIDE, MOST_ZOOM, moved, resultSide, squareOf, wholeView, zoomed, type View } from './crop';

const WIDE = { width: 1_600, height: 900 };
const TALL = { width: 300, height: 800 };

it('begins with the largest square, in the middle', () => {
  expect(squareOf(WIDE, wholeView(WIDE))).toEqual({ left: 350, top: 0, side: 900 });
  expect(squareOf(TALL, wholeView(TALL))).toEqual({ left: 0, top: 250, side: 300 });
});

it('moves with the hand: drawing the picture to the right shows more of the left', () => {
  const view = moved(WIDE, wholeView(WIDE), 0.1, 0);
  expect(squareOf(WIDE, view).left).toBe(260);
});

it.each([
  [9, 9, { left: 0, top: 0 }],
  [-9, -9, { left: 700, top: 0 }],
])('stops at the edges of the picture (%d, %d)', (dx, dy, expected) => {
  expect(squareOf(WIDE, moved(WIDE, wholeView(WIDE), dx, dy))).toMatchObject(expected);
});

it('keeps the point under the fingers in its place', () => {
  const before = wholeView(WIDE);
  const after = zoomed(WIDE, before, 2, 0.25, 0.75);
  const point = (view: View) => {
    const { left, top, side } = squareOf(WIDE, view);
    return [left + 0.25 * side, top + 0.75 * side];
  };
  expect(point(after)).toEqual(point(before));
  expect(squareOf(WIDE, after).side).toBe(450);
});

it.each([
  [0, 1],
  [99, MOST_ZOOM],
])('magnifies within limits: %d is %d', (wanted, zoom) => {
  expect(zoomed(WIDE, wholeView(WIDE), wanted).zoom).toBe(zoom);
});

it('never leaves the picture, however it is moved and magnified', () => {
  // A fixed sequence of numbers from 0 up to 1 (Park and Miller's generator).
  let seed = 7;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (const picture of [WIDE, TALL, { width: 1, height: 1 }]) {
    let view = wholeView(picture);
    for (let i = 0; i < 500; i++) {
      view =
        next() < 0.5
          ? moved(picture, view, next() * 4 - 2, next() * 4 - 2)
          : zoomed(picture, view, next() * 8, next(), next());
      const { left, top, side } = squareOf(picture, view);
      expect(Math.min(left, top)).toBeGreaterThan(-1e-6);
      expect(left + side).toBeLessThan(picture.width + 1e-6);
      expect(top + side).toBeLessThan(picture.height + 1e-6);
    }
  }
});

it('is neither enlarged nor larger than needed', () => {
  expect(resultSide(TALL, wholeView(TALL))).toBe(300);
  expect(resultSide({ width: 6_000, height: 4_000 }, wholeView({ width: 6_000, height: 4_000 }))).toBe(
    MOST_SIDE,
  );
  expect(resultSide({ width: 1, height: 3 }, { x: 0.5, y: 1.5, zoom: 5 })).toBe(1);
});
