// Speech for a fake microphone, and recordings of what a page plays.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import { check, pause } from './harness.mjs';
import { wave } from './tone.mjs';

/** How long the speech is before it begins again, in seconds. */
export const SPEECH_SECONDS = 8;
/** Samples a second of recordings: what wideband scores are made for. */
export const RECORDED_RATE = 16_000;

const SAID =
	'The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. ' +
	'It is easy to tell the depth of a well.';

/** Writes SPEECH_SECONDS of speech as mono 16-bit WAV of 48 kHz. */
export function writeSpeech(file) {
	const spoken = execFileSync('espeak-ng', ['-v', 'en-gb', '-s', '170', '--stdout', SAID]);
	const [rate, at] = [spoken.readUInt32LE(24), 44];
	check(spoken.readUInt16LE(22) === 1 && spoken.readUInt16LE(34) === 16, 'espeak-ng speaks mono, 16 bits');
	const count = Math.floor((spoken.length - at) / 2);
	const sample = (i) => (i >= 0 && i < count ? spoken.readInt16LE(at + 2 * i) : 0);
	check(count / rate <= SPEECH_SECONDS, `the speech takes ${count / rate} s`);
	const samples = Int16Array.from({ length: 48_000 * SPEECH_SECONDS }, (_, i) => {
		const place = (i * rate) / 48_000;
		const [low, part] = [Math.floor(place), place % 1];
		return Math.round(0.8 * (sample(low) * (1 - part) + sample(low + 1) * part));
	});
	writeFileSync(file, wave(48_000, samples));
}

/** Records for `seconds` what a person's page plays in the voice slot `index`; gives samples of 16 bits at RECORDED_RATE. */
export async function record(person, index, seconds) {
	await person.evaluate(
		({ index, rate }) => {
			const receiver = window.__probe.listening().getReceivers()[index];
			const context = new AudioContext({ sampleRate: rate });
			const source = context.createMediaStreamSource(new MediaStream([receiver.track]));
			// Long buffers: the page may be busy for half a second and nothing is missing.
			const taker = context.createScriptProcessor(16_384, 1, 1);
			const taken = [];
			taker.onaudioprocess = ({ inputBuffer }) => taken.push(inputBuffer.getChannelData(0).slice());
			source.connect(taker).connect(context.destination);
			window.__recording = { context, taken };
		},
		{ index, rate: RECORDED_RATE }
	);
	await pause(seconds * 1_000);
	const text = await person.evaluate(async () => {
		const { context, taken } = window.__recording;
		await context.close();
		const whole = taken.flatMap((part) => [...part]);
		const bytes = new Uint8Array(Int16Array.from(whole, (x) => Math.round(32_767 * Math.max(-1, Math.min(1, x)))).buffer);
		let text = '';
		for (let i = 0; i < bytes.length; i += 8_192) text += String.fromCharCode(...bytes.subarray(i, i + 8_192));
		return btoa(text);
	});
	const bytes = Buffer.from(text, 'base64');
	return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
