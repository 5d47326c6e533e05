import { expect, it } from 'vitest';
import { isSilent, joined, wav } from './wav';

it('writes a WAV file', () => {
  const file = wav(new Float32Array([0, 1, -1, 0.5, 7]), 24_000);
  const view = new DataView(file);
  const word = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
  expect([0, 8, 12, 36].map(word)).toEqual(['RIFF', 'WAVE', 'fmt ', 'data']);
  expect([view.getUint32(4, true), view.getUint32(40, true), file.byteLength]).toEqual([46, 10, 54]);
  // PCM, one channel, rate, bytes a second, bytes a sample, bits.
  expect([20, 22, 32, 34].map((at) => view.getUint16(at, true))).toEqual([1, 1, 2, 16]);
  expect([view.getUint32(24, true), view.getUint32(28, true)]).toEqual([24_000, 48_000]);
  expect([0, 1, 2, 3, 4].map((i) => view.getInt16(44 + 2 * i, true))).toEqual([
    0, 32_767, -32_767, 16_384, 32_767,
  ]);
});

it('joins what came, and no more than fits', () => {
  const chunks = [new Float32Array([1, 2]), new Float32Array([3, 4]), new Float32Array([5])];
  expect([...joined(chunks, 9)]).toEqual([1, 2, 3, 4, 5]);
  expect([...joined(chunks, 3)]).toEqual([1, 2, 3]);
  expect([...joined([], 3)]).toEqual([]);
});

it('knows silence', () => {
  expect(isSilent(new Float32Array([0, 0.001, -0.003]))).toBe(true);
  expect(isSilent(new Float32Array([0, 0.001, -0.1]))).toBe(false);
});
