/** A voice note as a WAV file: PCM, 16 bit, mono (RIFF, as in Microsoft's "Multiple channel audio data and WAVE files"). Pure. */

/** How long a voice note is at most, in ms (docs/PROTOCOL.md). */
export const LONGEST_NOTE = 60_000;
/** Samples a second in what is sent: enough for a voice. */
export const NOTE_RATE = 24_000;
/** Whatever is quieter than this all along, of 1, is no voice. */
const SILENT = 0.004;

/** `samples` from -1 to 1; what is louder is cut off. */
export function wav(samples: Float32Array, rate: number): ArrayBuffer {
  const bytes = samples.length * 2;
  const file = new ArrayBuffer(44 + bytes);
  const view = new DataView(file);
  const word = (at: number, text: string) =>
    [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, 'RIFF');
  view.setUint32(4, 36 + bytes, true);
  word(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, 'data');
  view.setUint32(40, bytes, true);
  samples.forEach((sample, i) => {
    view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
  });
  return file;
}

/** Whether nothing can be heard in it. */
export function isSilent(samples: Float32Array): boolean {
  return samples.every((sample) => Math.abs(sample) < SILENT);
}

/** The parts of a recording on end, at most `most` samples. */
export function joined(chunks: readonly Float32Array[], most: number): Float32Array<ArrayBuffer> {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const all = new Float32Array(Math.min(length, most));
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, all.length - at);
    all.set(part, at);
    at += part.length;
  }
  return all;
}
