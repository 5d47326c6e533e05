// Networks through a relay of our own: an address that changes in the middle of a word, UDP that stops, packets that are
// lost. Nobody leaves the room over any of it.

import { ChromiumPerson, FirefoxPerson, stayed } from '../lib/browser.mjs';
import { check, equal, pause, RESULTS, save, until, within } from '../lib/harness.mjs';
import { Relay } from '../lib/relay.mjs';
import { MEDIA_ADDRESS, Server } from '../lib/server.mjs';

/** Changes of address that are measured. */
const CHANGES = 3;
/** Between two of them, in ms: a page takes a rest of ten seconds before it makes a leg anew for the same reason. */
const REST = 11_000;
/** For how long, in ms, the sound is watched after a change of address, and within how much of that it must be back. How long
 * it was away is printed: how fast browsers heal also depends on what else the machine does. */
const [WATCHED, HEALED] = [5_000, 4_000];
/** The same when UDP stops and sound goes on over TCP. */
const [WATCHED_ROUND, ROUND] = [9_000, 8_000];
/** Share of the samples that may be made up while a tenth of all datagrams is lost: the promise is a hundredth, which a machine that
 * is busy with other things doubles by itself. The benchmark `loss` measures it. */
const MADE_UP = 0.02;
/** How long losses are measured, in ms, and before that the time in which both ends find out and adapt. */
const [LOSSY, ADAPTING] = [15_000, 8_000];
/** How often losses are measured at most: what a busy machine makes up itself is gone another time. */
const TRIES = 4;
/** How long a datagram is under way, in ms. */
const DELAY = 15;

export async function networks(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const relay = group.use(await Relay.lay(server));
	const near = group.use(await ChromiumPerson.launch('nora', 440, folder));
	const far = group.use(await ChromiumPerson.launch('farid', 660, folder));
	await relay.lead(far);
	const both = async () => {
		await far.hears(near);
		await near.hears(far);
	};
	const report = [];
	const say = (line) => {
		report.push(line);
		console.log(`        ${line}`);
		save(RESULTS, 'stage-networks.txt', `${report.join('\n')}\n`);
	};
	const overProtocol = async (wanted) => {
		for (const kind of ['listening', 'publishing']) {
			await until(`${kind} over ${wanted}`, async () => {
				return (await far.evaluate((one) => window.__probe.protocol(window.__probe[one]()), kind)) === wanted;
			});
		}
	};
	let room;

	await group.step('two talk, one of them through a relay', async () => {
		await relay.order({ delay_ms: DELAY });
		await near.join(server.site, await server.invite(), 'Nora');
		room = await near.startRoom('On the way');
		await near.microphone(true);
		await far.join(server.site, await server.invite(), 'Farid');
		await far.enter(room);
		await far.raiseHand('');
		await until('the hand', async () => (await near.attribute('hands-button', 'data-count')) === '1');
		await near.acceptHand();
		await far.waitSees('farid', { role: 'speaker' });
		await far.microphone(true);
		await both();
		await overProtocol('udp');
		check((await relay.order({})).up.passed > 0, 'nothing goes through the relay');
	});

	await group.step('the address changes in the middle of a word: sound comes back by itself, both ways', async () => {
		const [number, since] = [far.number, Date.now()];
		const silent = { down: [], up: [] };
		for (let change = 1; change <= CHANGES; change++) {
			await pause(REST);
			const [down, up] = await Promise.all([silence(far, WATCHED), silence(near, WATCHED), rebind(relay)]);
			say(`change ${change}: silent for ${down} ms at who moved, ${up} ms at those who hear them`);
			silent.down.push(down);
			silent.up.push(up);
			await both();
		}
		for (const [way, times] of Object.entries(silent)) check(Math.min(...times) < HEALED, `${way}: silent for ${times} ms`);
		equal(far.number, number, 'the number in the room');
		await stayed(near, far, since);
	});

	await group.step('UDP stops in the middle: both go on over TCP', async () => {
		const since = Date.now();
		await pause(REST);
		const blocked = pause(500).then(() => relay.order({ blocked: true }));
		const [down, up] = await Promise.all([silence(far, WATCHED_ROUND), silence(near, WATCHED_ROUND), blocked]);
		say(`UDP stops: silent for ${down} ms at who lost it, ${up} ms at those who hear them`);
		await both();
		await overProtocol('tcp');
		check(down < ROUND && up < ROUND, `silent for ${down} and ${up} ms`);
		await stayed(near, far, since);
	});

	await group.step('without UDP from the beginning it is TCP, and UDP once it is back', async () => {
		await far.page.reload();
		await far.entered();
		await far.microphone(true);
		await both();
		await overProtocol('tcp');
		await relay.order({ blocked: false });
		await far.page.reload();
		await far.entered();
		await far.microphone(true);
		await both();
		await overProtocol('udp');
	});

	for (const [way, listener, talker] of [
		['down', far, near],
		['up', near, far]
	]) {
		await group.step(`a tenth of all datagrams is lost on the way ${way}: at most ${100 * MADE_UP} % is made up`, async () => {
			const made = [];
			for (let attempt = 0; attempt < TRIES; attempt++) {
				await relay.order({ [way]: { loss: 0.1 } });
				await pause(ADAPTING);
				made.push(await madeUp(listener, talker, LOSSY));
				await relay.order({ [way]: { loss: 0 } });
				if (made.at(-1) <= MADE_UP) break;
			}
			say(`10 % lost ${way}: made up ${made.map((share) => `${(100 * share).toFixed(2)} %`).join(', ')}`);
			check(made.at(-1) <= MADE_UP, `made up ${made.join(', ')} of the sound`);
		});
	}
}

/** The same in Firefox: in the audience, and on stage. */
export async function firefox(group) {
	if (MEDIA_ADDRESS === '127.0.0.1') {
		group.skip('an address that changes under Firefox', 'needs an address that is not loopback');
		return;
	}
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const relay = group.use(await Relay.lay(server));
	const near = group.use(await ChromiumPerson.launch('nora', 440, folder));
	const far = group.use(await FirefoxPerson.launch('fanny'));
	await relay.lead(far);

	await group.step('the address changes under Firefox: it hears again by itself, and is heard', async () => {
		await relay.order({ delay_ms: DELAY });
		await near.join(server.site, await server.invite(), 'Nora');
		const room = await near.startRoom('On the way');
		await near.microphone(true);
		await far.join(server.site, await server.invite(), 'Fanny');
		await far.enter(room);
		await far.raiseHand('');
		await until('the hand', async () => (await near.attribute('hands-button', 'data-count')) === '1');
		await near.acceptHand();
		await far.waitSees('fanny', { role: 'speaker' });
		await far.microphone(true);
		await far.hears(near);
		await near.hears(far);
		const since = Date.now();
		const silent = { down: [], up: [] };
		for (let change = 1; change <= CHANGES; change++) {
			await pause(REST);
			const [down, up] = await Promise.all([silence(far, WATCHED), silence(near, WATCHED), rebind(relay)]);
			console.log(`        change ${change}: silent for ${down} ms at who moved, ${up} ms at those who hear them`);
			silent.down.push(down);
			silent.up.push(up);
			await far.hears(near);
			await near.hears(far);
		}
		for (const [way, times] of Object.entries(silent)) check(Math.min(...times) < HEALED, `${way}: silent for ${times} ms`);
		await stayed(near, far, since);
	});
}

/** Moves the browser to another address half a second from now. */
async function rebind(relay) {
	await pause(500);
	await relay.order({ rebind: true });
}

/** Watches for a while what somebody's page plays, and gives the longest time in ms for which nothing new was played. */
function silence(person, ms) {
	return within(
		ms + 20_000,
		person.evaluate(async (during) => {
			const start = performance.now();
			let [last, longest, newest] = [start, 0, ''];
			while (performance.now() - start < during) {
				const sources = window.__probe.listening()?.getReceivers().flatMap((one) => one.getSynchronizationSources()) ?? [];
				const seen = sources.map(({ source, timestamp }) => `${source} ${timestamp}`).join();
				const now = performance.now();
				if (seen !== newest && seen !== '') [last, newest] = [now, seen];
				longest = Math.max(longest, now - last);
				await new Promise((resolve) => setTimeout(resolve, 10));
			}
			return Math.round(longest);
		}, ms),
		'watching for silence'
	);
}

/** The share of the samples of somebody's voice that is made up in a while. */
async function madeUp(listener, talker, ms) {
	const before = await listener.slotOf(talker.number);
	await pause(ms);
	const after = (await listener.slots())[before.index];
	return (after.concealed - before.concealed) / (after.samples - before.samples);
}
