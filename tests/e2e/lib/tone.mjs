// Tones for the fake microphones. The app asks for noise suppression, which takes a steady sine for noise, so a tone
// here is a voice with a known pitch: the named frequency is its strongest part, a weaker octave and fifth lie above
// it, and it rises and falls four times a second like syllables do.

import { writeFileSync } from 'node:fs';

const RATE = 48_000;

/** Writes a mono 16-bit WAV of `seconds` whose strongest part is at `hz`; it loops without a click. With `pauses` every other
 * second of it is silent. */
export function writeTone(file, hz, seconds = 4, pauses = false) {
	const count = RATE * seconds;
	const samples = new Int16Array(count);
	for (let i = 0; i < count; i++) {
		const t = i / RATE;
		if (pauses && t % 2 >= 1) continue;
		const syllable = 0.55 + 0.45 * Math.sin(2 * Math.PI * 4 * t);
		const wave =
			0.6 * Math.sin(2 * Math.PI * hz * t) +
			0.2 * Math.sin(2 * Math.PI * hz * 2 * t) +
			0.1 * Math.sin(2 * Math.PI * hz * 3 * t);
		samples[i] = Math.round(32_767 * 0.5 * syllable * wave);
	}
	writeFileSync(file, wave(RATE, samples));
}

/** A stereo 16-bit WAV of four seconds with a steady sine of its own in each ear; it loops without a click. */
export function stereoTones(left, right) {
	const count = RATE * 4;
	const samples = new Int16Array(2 * count);
	for (let i = 0; i < count; i++) {
		[left, right].forEach((hz, ear) => {
			samples[2 * i + ear] = Math.round(32_767 * 0.4 * Math.sin((2 * Math.PI * hz * i) / RATE));
		});
	}
	return wave(RATE, samples, 2);
}

/** 16-bit samples, interleaved if there are several channels, as a WAV file. */
export function wave(rate, samples, channels = 1) {
	return Buffer.concat([header(rate, samples.byteLength, channels), Buffer.from(samples.buffer)]);
}

/** The 44 bytes in front of PCM samples (RIFF WAVE, format 1). */
function header(rate, bytes, channels) {
	const head = Buffer.alloc(44);
	head.write('RIFF', 0);
	head.writeUInt32LE(36 + bytes, 4);
	head.write('WAVEfmt ', 8);
	head.writeUInt32LE(16, 16);
	head.writeUInt16LE(1, 20);
	head.writeUInt16LE(channels, 22);
	head.writeUInt32LE(rate, 24);
	head.writeUInt32LE(rate * 2 * channels, 28);
	head.writeUInt16LE(2 * channels, 32);
	head.writeUInt16LE(16, 34);
	head.write('data', 36);
	head.writeUInt32LE(bytes, 40);
	return head;
}
