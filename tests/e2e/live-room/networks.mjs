// Networks as they are: without UDP, gone for a while, losing packets, changing the address in the middle of a word.

import { Away, canBeAway } from '../lib/away.mjs';
import { ChromiumPerson, stayed } from '../lib/browser.mjs';
import { check, equal, pause, RESULTS, save, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';

/** How long the network is gone, in ms: less than the ten seconds for which a lost socket keeps its place. */
const GONE = 5_000;
/** How long packets are lost, in ms. */
const LOSSY = 10_000;
/** Share of frames that must come through to the server when a tenth of all datagrams is lost. */
const ARRIVE = 0.95;
/** Share of the sound that the listener may make up then: what is lost on the way to them comes in other packets. */
const MADE_UP = 0.05;
/** Packets that must arrive in that time, of 50 a second: most of them, or the talk was interrupted. */
const MOST = (LOSSY / 20) * 0.8;

export async function networks(group) {
	if (!canBeAway()) {
		group.skip('networks that fail', 'needs a network namespace (root, unshare, ip and nft)');
		return;
	}
	const folder = group.folder();
	const server = group.use(await Server.start(folder, '0.0.0.0'));
	const away = group.use(await Away.lay(folder));
	const site = `http://${away.host}:${new URL(server.url).port}`;
	const near = group.use(await ChromiumPerson.launch('nora', 440, folder));
	const far = group.use(await ChromiumPerson.launch('farid', 660, folder, { away, trusted: site }));
	const both = async () => {
		await far.hears(near);
		await near.hears(far);
	};
	/** Reloads the far page, which comes back to the room, on stage, with the microphone closed; opens it. */
	const afresh = async () => {
		await far.page.reload();
		await far.entered();
		await far.microphone(true);
		await both();
	};
	let room;

	await group.step('where UDP is blocked somebody hears and is heard over TCP', async () => {
		away.drop('meta l4proto udp');
		await near.join(server.site, await server.invite(), 'Nora');
		room = await near.startRoom('On the way');
		await near.microphone(true);
		await far.join(site, await server.invite(), 'Farid');
		await far.enter(room);
		await far.hears(near);
		await far.raiseHand('');
		await until('the hand', async () => (await near.attribute('hands-button', 'data-count')) === '1');
		await near.acceptHand();
		await far.waitSees('farid', { role: 'speaker' });
		await far.microphone(true);
		await both();
		for (const kind of ['listening', 'publishing']) {
			equal(await far.evaluate((one) => window.__probe.protocol(window.__probe[one]()), kind), 'tcp', `${kind} over`);
		}
	});

	await group.step('where UDP works it is used', async () => {
		away.mend();
		await afresh();
		for (const kind of ['listening', 'publishing']) {
			equal(await far.evaluate((one) => window.__probe.protocol(window.__probe[one]()), kind), 'udp', `${kind} over`);
		}
	});

	await group.step('the media path moves to another address: both go on hearing, in the same place', async () => {
		const [legs, number, since] = [await legsMade(far), far.number, Date.now()];
		away.leadRound();
		await until('the server to send to the new address', () => away.ledRound().to > 0, { every: 20 });
		console.log(`        found again ${Date.now() - since} ms after the move`);
		await Promise.all([moreFrom(far, near, 100), moreFrom(near, far, 100)]);
		await both();
		await until('the new way to be used', () => away.ledRound().from >= 100 && away.ledRound().to >= 100);
		// And back.
		away.mend();
		await Promise.all([moreFrom(far, near, 100), moreFrom(near, far, 100)]);
		// A page that is slow to see that its leg goes on makes the listen leg anew, once each way.
		const made = (await legsMade(far)) - legs;
		console.log(`        legs made anew: ${made}`);
		check(made <= 2, `${made} legs were made anew`);
		equal(far.number, number, 'the number in the room');
		await stayed(near, far, since);
	});

	await group.step(`the network goes away for ${GONE / 1000} s: back by itself, in the same place, with sound`, async () => {
		const [number, since] = [far.number, Date.now()];
		away.unplug();
		await until('the page to say so', () =>
			far.evaluate(() => {
				const said = document.querySelector('[role=status][data-state=reconnecting]:not(.heard)')?.textContent;
				return said?.includes('connection is lost');
			})
		);
		await pause(Math.max(0, since + GONE - Date.now()));
		away.plug();
		await far.entered();
		await both();
		console.log(`        heard again ${Date.now() - since - GONE} ms after the network was back`);
		equal(far.number, number, 'the number in the room');
		for (const person of [near, far]) await person.waitSees('farid', { role: 'speaker', mic: true });
		await stayed(near, far, since);
	});

	const report = [];
	await group.step('a tenth of all datagrams is lost both ways: the sound goes on', async () => {
		await afresh();
		const { down, up } = await lose(away, near, far, both);
		report.push(line('with NACK and RED', 'to the listener', down), line('with NACK and RED', 'from the speaker', up));
		check(down.concealed <= MADE_UP, `${down.concealed} of the sound was made up`);
		check(up.arrived >= ARRIVE, `only ${up.arrived} of the frames came through`);
		for (const { packets } of [down, up]) check(packets >= MOST, `only ${packets} packets in ${LOSSY} ms`);
		check(down.nacks > 0, 'no packet was asked for again');
	});

	await group.step('without NACK and RED more is lost: they do help', async () => {
		await far.evaluate(() => sessionStorage.setItem('plain', '1'));
		await afresh();
		const { down, up } = await lose(away, near, far, both);
		report.push(line('with neither', 'to the listener', down), line('with neither', 'from the speaker', up));
		check(down.arrived < 0.97 && up.arrived < 0.97, 'what was to be lost was not lost');
		for (const one of report) console.log(`        ${one}`);
		save(RESULTS, 'networks.txt', `${report.join('\n')}\n`);
	});
}

/** How many legs the server has agreed to on somebody's page; what a page prepares in doubt and drops is none. */
function legsMade(person) {
	return person.evaluate(() => window.__probe.connections.filter((one) => one.remoteDescription).length);
}

/** Waits until somebody has received `count` packets more; the other one is the only one who talks. */
async function moreFrom(listener, talker, count) {
	const packets = async () => (await listener.slots()).reduce((sum, slot) => sum + slot.packets, 0);
	const before = await packets();
	await until(`${listener.handle} to receive ${talker.handle}`, async () => (await packets()) >= before + count);
}

/** Loses a tenth of the datagrams for a while. Gives what became of the frames of `near` on their way to `far` (down)
 * and of those of `far` on their way to `near` (up). The leg of `near` itself loses nothing: what is missing there is
 * missing in the server, where it is asked for in vain. */
async function lose(away, near, far, both) {
	const look = async () => ({ down: await far.slots(), up: await near.slots() });
	away.drop('meta l4proto udp numgen random mod 100 < 10');
	const before = await look();
	await pause(LOSSY);
	await both();
	const after = await look();
	away.mend();
	const change = (way) => {
		const slots = after[way].map((to, i) => ({ to, from: before[way][i] }));
		const more = (count) => slots.reduce((sum, { from, to }) => sum + to[count] - from[count], 0);
		const [packets, lost, nacks] = [more('packets'), more('lost'), more('nacks')];
		// Slots in which nobody talks conceal all the time.
		const heard = slots.filter(({ from, to }) => to.packets > from.packets);
		const share = ({ from, to }) => (to.concealed - from.concealed) / (to.samples - from.samples);
		return { packets, lost, nacks, arrived: packets / (packets + lost), concealed: Math.max(...heard.map(share)) };
	};
	const { nacks, ...up } = change('up');
	return { down: change('down'), up };
}

function line(what, way, { packets, lost, concealed, nacks, arrived }) {
	const percent = (share) => `${(share * 100).toFixed(1)} %`;
	const asked = nacks === undefined ? '' : `, ${nacks} NACKs`;
	const rates = `${percent(arrived)} arrived, ${percent(concealed)} concealed`;
	return `${what}, ${way}: ${packets} packets, ${lost} lost${asked}; ${rates}`;
}
