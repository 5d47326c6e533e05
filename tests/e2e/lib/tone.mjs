// Tones for the fake microphones. The app asks for noise suppression, which takes a steady sine for noise, so a tone
// here is a voice with a known pitch: the named frequency is its strongest part, a weaker octave and fifth lie above
// it, and it rises and falls four times a second like syllables do.

import { writeFileSync } from 'node:fs';

const RATE = 48_000;

/** Writes a mono 16-bit WAV of `seconds` whose strongest part is at `hz`; it loops without a click. */
export function writeTone(file, hz, seconds = 4) {
	const count = RATE * seconds;
	const samples = new Int16Array(count);
	for (let i = 0; i < count; i++) {
		const t = i / RATE;
		const syllable = 0.55 + 0.45 * Math.sin(2 * Math.PI * 4 * t);
		const wave =
			0.6 * Math.sin(2 * Math.PI * hz * t) +
			0.2 * Math.sin(2 * Math.PI * hz * 2 * t) +
			0.1 * Math.sin(2 * Math.PI * hz * 3 * t);
		samples[i] = Math.round(32_767 * 0.5 * syllable * wave);
	}
	writeFileSync(file, wave(RATE, samples));
}

/** Mono 16-bit samples as a WAV file. */
export function wave(rate, samples) {
	return Buffer.concat([header(rate, samples.byteLength), Buffer.from(samples.buffer)]);
}

/** The 44 bytes in front of PCM samples (RIFF WAVE, format 1). */
function header(rate, bytes) {
	const head = Buffer.alloc(44);
	head.write('RIFF', 0);
	head.writeUInt32LE(36 + bytes, 4);
	head.write('WAVEfmt ', 8);
	head.writeUInt32LE(16, 16);
	head.writeUInt16LE(1, 20);
	head.writeUInt16LE(1, 22);
	head.writeUInt32LE(rate, 24);
	head.writeUInt32LE(rate * 2, 28);
	head.writeUInt16LE(2, 32);
	head.writeUInt16LE(16, 34);
	head.write('data', 36);
	head.writeUInt32LE(bytes, 40);
	return head;
}
