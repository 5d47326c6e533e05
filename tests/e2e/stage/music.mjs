// Music mode: sound as it is, in stereo, at a bitrate that music needs; and speech again after it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ChromiumPerson } from '../lib/browser.mjs';
import { check, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { stereoTones } from '../lib/tone.mjs';

const [LEFT, RIGHT] = [440, 990];
/** The strongest frequency may be off by this many Hz. */
const TUNING = 9;

/** The strongest frequencies, in Hz, of the left and the right ear in the loudest voice slot. */
function ears(person) {
	return person.evaluate(async () => {
		window.__ears ??= { context: new AudioContext(), nodes: new Map() };
		const { context, nodes } = window.__ears;
		await context.resume();
		const heard = window.__probe.listening().getReceivers().map(({ track }) => {
			if (!nodes.has(track)) {
				const splitter = context.createChannelSplitter(2);
				context.createMediaStreamSource(new MediaStream([track])).connect(splitter);
				const both = [0, 1].map((channel) => {
					const node = context.createAnalyser();
					node.fftSize = 8192;
					node.smoothingTimeConstant = 0.3;
					splitter.connect(node, channel);
					return node;
				});
				nodes.set(track, both);
			}
			return nodes.get(track).map((node) => {
				const spectrum = new Float32Array(node.frequencyBinCount);
				node.getFloatFrequencyData(spectrum);
				let strongest = 1;
				for (let i = 2; i < spectrum.length; i++) if (spectrum[i] > spectrum[strongest]) strongest = i;
				return { hz: (strongest * context.sampleRate) / node.fftSize, db: spectrum[strongest] };
			});
		});
		const [left, right] = heard.sort((a, b) => b[0].db - a[0].db)[0];
		return { left: left.hz, right: right.hz, quiet: Math.min(left.db, right.db) < -70 };
	});
}

/** Bits that somebody sends each second, over three seconds of the browser's own count. */
async function bitrate(person) {
	const sent = () =>
		person.evaluate(async () => {
			for (const stat of (await window.__probe.publishing().getStats()).values()) {
				if (stat.type === 'outbound-rtp') return { bytes: stat.bytesSent, at: stat.timestamp };
			}
		});
	const before = await sent();
	let after = before;
	await until('three seconds of sound', async () => (after = await sent()).at - before.at >= 3_000);
	return ((after.bytes - before.bytes) * 8_000) / (after.at - before.at);
}

/** Switches music mode on or off. */
async function turn(person) {
	await person.click('more-button');
	await person.click('open-sound');
	await person.click('music-mode');
	await person.dismiss();
}

export async function music(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const sound = join(folder, 'stereo.wav');
	writeFileSync(sound, stereoTones(LEFT, RIGHT));
	const players = { host: await server.member('luca', 'Luca Conti'), listener: await server.member('pia', 'Pia Lund') };
	const room = await players.host.openRoom('An evening of music');
	const luca = group.use(await ChromiumPerson.launch('luca', LEFT, folder, { sound }));
	await luca.signIn(server.site, players.host);
	await luca.enter(room);
	const pia = group.use(await ChromiumPerson.launch('pia', 550, folder));
	await pia.signIn(server.site, players.listener);
	await pia.enter(room);
	const near = (hz, wanted) => Math.abs(hz - wanted) <= TUNING;
	let speech = 0;

	await group.step('speech is mono: both ears hear the same', async () => {
		await luca.microphone(true);
		await until('the sound', async () => {
			const { left, right, quiet } = await ears(pia);
			return !quiet && near(left, right);
		});
		speech = await bitrate(luca);
	});

	await group.step('music is in stereo: each ear hears its own, at a higher bitrate', async () => {
		await turn(luca);
		await until('a tone in each ear', async () => {
			const { left, right } = await ears(pia);
			return near(left, LEFT) && near(right, RIGHT);
		});
		const music = await bitrate(luca);
		check(music > 1.5 * speech, `music at ${Math.round(music)} bit/s, speech at ${Math.round(speech)} bit/s`);
	});

	await group.step('with the microphone closed in between, speech again', async () => {
		await luca.microphone(false);
		await turn(luca);
		await luca.microphone(true);
		await until('the same in both ears', async () => {
			const { left, right, quiet } = await ears(pia);
			return !quiet && near(left, right);
		});
	});
}
