// Longer packets for the audience: real browsers hear the same, and coming on stage and going back, where packets are
// short, tears no hole.

import { ChromiumPerson, FirefoxPerson } from '../lib/browser.mjs';
import { check, pause } from '../lib/harness.mjs';
import { MEDIA_ADDRESS, Server } from '../lib/server.mjs';

/** How long is listened to each length of packet at a time, in ms. */
const STRETCH = 5_000;
/** How often at most that, and each change, is tried: what a busy machine holds up is smooth another time, and what the
 * packets lack is missing every time. */
const TRIES = 5;
/** Samples of a second (RFC 7587, section 4.1). */
const RATE = 48_000;
/** What may be made up in a stretch, in ms: less than a frame. */
const MADE_UP = 15;
/** What may be made up at a change of the packets' length, in ms: the time that the first longer packet takes longer to
 * be full, which no receiver knows beforehand, and a frame. */
const madeUpAt = (from, to) => Math.max(0, to - from) + 20;

export async function packing(group) {
	for (const ms of [20, 60, 120]) await heardIn(group, ms);
}

async function heardIn(group, ms) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder, '127.0.0.1', ['--packing', String(ms)]));
	const [anna, ben] = [
		group.use(await ChromiumPerson.launch('anna', 440, folder)),
		group.use(await ChromiumPerson.launch('ben', 660, folder))
	];
	const firefox = MEDIA_ADDRESS === '127.0.0.1' ? null : group.use(await FirefoxPerson.launch('fanny'));
	const listeners = [ben, ...(firefox ? [firefox] : [])];

	await group.step(`packets of ${ms} ms: somebody talks to an audience`, async () => {
		await anna.join(server.site, await server.invite(), 'Anna');
		const room = await anna.startRoom('Packed');
		await anna.microphone(true);
		for (const listener of listeners) {
			await listener.join(server.site, await server.invite());
			await listener.enter(room);
			await listener.hears({ ...anna, hz: listener === ben ? anna.hz : null });
		}
	});

	for (const listener of listeners) {
		await group.step(`packets of ${ms} ms: ${listener.handle} hears all of it`, async () => {
			await best(`${listener.handle} to hear without a hole`, MADE_UP, async () => {
				let heard = await during(listener, anna, () => pause(STRETCH));
				// A page that was held up has not played yet what it has received.
				if (!isWellPacked(heard, ms)) heard = await during(listener, anna, () => pause(STRETCH));
				wellPacked(heard, ms);
				check(heard.samples > 0, 'nothing was played');
				check(heard.energy > 0.001 * heard.seconds, `too quiet: ${heard.energy}`);
				return heard;
			});
		});
	}

	await group.step(`packets of ${ms} ms: on stage they are of 20 ms, and the change tears no hole`, async () => {
		await anna.waitSees('ben', { role: 'listener' });
		const comeAndGo = async () => {
			const up = await during(ben, anna, async () => {
				await anna.act('ben', 'offer');
				await ben.click('offer-accept');
				await ben.waitSees('ben', { role: 'speaker' });
				await pause(1_000);
			});
			wellPacked(await during(ben, anna, () => pause(2_000)), 20);
			const down = await during(ben, anna, async () => {
				await anna.act('ben', 'move');
				await ben.waitSees('ben', { role: 'listener' });
				await pause(1_000);
			});
			wellPacked(await during(ben, anna, () => pause(2_000)), ms);
			return { up, down };
		};
		const tried = [];
		await best('ben to come on stage without a hole', madeUpAt(ms, 20), async () => {
			const { up, down } = await comeAndGo();
			tried.push(down);
			return up;
		});
		await best('ben to go back without a hole', madeUpAt(20, ms), async () => tried.shift() ?? (await comeAndGo()).down);
		await ben.hears(anna);
	});

	for (const person of [anna, ...listeners]) await person.close();
	await server.close();
}

/** Tries until no more than `limit` ms were made up in what `act` gives. */
async function best(what, limit, act) {
	const made = [];
	while (made.length < TRIES) {
		const heard = await act();
		console.log(`        ${what}: ${heard}`);
		check(heard.lost === 0, `${heard.lost} packets were lost`);
		if (heard.madeUp <= limit) return;
		made.push(heard.madeUp.toFixed(1));
	}
	throw new Error(`${what}: ${made.join(', ')} ms were made up, at most ${limit} may be`);
}

/** That packets have the length that they should have: by the media time between the first and the last that were played, which does
 * not depend on how fast anything is. */
function wellPacked(heard, ms) {
	check(isWellPacked(heard, ms), `${heard.packets} packets in ${heard.media} ms of sound, not one in ${ms} ms`);
}

function isWellPacked({ packets, media }, ms) {
	const length = media / packets;
	return length > 0.75 * ms && length < 1.25 * ms;
}

/** What somebody received of the only one who talks, while something was done. */
async function during(listener, talker, act) {
	const look = async () => ({ at: Date.now(), slot: await listener.slotOf(talker.number) });
	const before = await look();
	await act();
	const after = await look();
	const more = (count) => after.slot[count] - before.slot[count];
	const heard = {
		seconds: (after.at - before.at) / 1_000,
		packets: more('packets'),
		// In ms; RTP time has 32 bits (RFC 3550, section 5.1).
		media: ((more('rtp') >>> 0) / RATE) * 1_000,
		lost: more('lost'),
		samples: more('samples'),
		// In ms. Silent ones are no holes: they are what is played when nothing was sent.
		madeUp: ((more('concealed') - more('silent')) / RATE) * 1_000,
		energy: more('energy')
	};
	heard.toString = () =>
		`${heard.packets} packets in ${heard.seconds} s, ${heard.lost} lost, ` +
		`${heard.madeUp.toFixed(1)} ms made up, energy ${heard.energy.toFixed(3)}`;
	return heard;
}
