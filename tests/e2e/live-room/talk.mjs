// The founding scene: A opens a room, B comes, asks, is let on stage, is muted, and goes back to the audience, while
// C and somebody with Firefox listen.

import { ChromiumPerson, FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { MEDIA_ADDRESS, Server } from '../lib/server.mjs';
import { Client } from '../lib/api.mjs';
import { publishByHand, silencedInTime } from './silence.mjs';

const QUESTION = 'What did you leave out?';

export async function talk(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const [a, b, c] = [
		group.use(await ChromiumPerson.launch('anna', 440, folder)),
		group.use(await ChromiumPerson.launch('ben', 660, folder)),
		group.use(await ChromiumPerson.launch('chen', 550, folder))
	];
	let room;

	await group.step('A redeems an invite, opens a room and the microphone', async () => {
		await a.join(server.site, await server.invite(), 'Anna');
		room = await a.startRoom('Evening talk');
		equal((await a.sees('anna'))?.role, 'host', "A's role");
		await a.microphone(true);
	});

	await group.step('B enters and hears A, with the pitch of her microphone', async () => {
		await b.join(server.site, await server.invite(), 'Ben');
		await b.enter(room);
		const slot = await b.hears(a);
		await b.waitSees('anna', { speaking: true, mic: true });
		check(slot.packets > 0, 'no packets were counted');
	});

	await group.step('C listens too', async () => {
		await c.join(server.site, await server.invite(), 'Chen');
		await c.enter(room);
		await c.hears(a);
	});

	const firefox = MEDIA_ADDRESS === '127.0.0.1' ? null : group.use(await FirefoxPerson.launch('fanny'));
	if (firefox) {
		await group.step('somebody with Firefox hears the same room', async () => {
			await firefox.join(server.site, await server.invite(), 'Fanny');
			await firefox.enter(room);
			await firefox.hears(a);
		});
	} else {
		group.skip('somebody with Firefox hears the same room', 'needs a network namespace (root, unshare and ip)');
	}

	await group.step('B raises a hand with a question, A accepts, B speaks and is heard by all', async () => {
		await b.raiseHand(QUESTION);
		await until('A to be told of the hand', async () => {
			const raised = (await a.messages('events')).flatMap((message) => message.events);
			return raised.some(({ event }) => event.type === 'hand_raised' && event.question === QUESTION);
		});
		await a.acceptHand();
		await b.waitSees('ben', { role: 'speaker' });
		equal((await b.sees('ben')).mic, 'false', 'the microphone after coming on stage');
		await b.microphone(true);
		for (const listener of [a, c]) await listener.hears(b);
		await c.hears(a);
		if (firefox) await until('Firefox to receive both', async () => {
			const heard = (await firefox.slots()).map((slot) => slot.csrc);
			return heard.includes(a.number) && heard.includes(b.number);
		});
	});

	if (firefox) {
		await group.step('somebody with Firefox comes on stage and is heard in Chromium', async () => {
			await a.waitSees('fanny', { role: 'listener' });
			await a.act('fanny', 'offer');
			await firefox.click('offer-accept');
			await firefox.waitSees('fanny', { role: 'speaker' });
			await firefox.microphone(true);
			for (const listener of [a, c]) await listener.hears(firefox);
			await c.hears(b);
			await a.act('fanny', 'move');
			await firefox.waitSees('fanny', { role: 'listener' });
		});
	} else {
		group.skip('somebody with Firefox is heard in Chromium', 'needs a network namespace (root, unshare and ip)');
	}

	const receivers = [a, c, ...(firefox ? [firefox] : [])];
	await group.step('A mutes B: gone everywhere at once, though the browser of B keeps sending', async () => {
		const found = await silencedInTime(a, b, receivers, () => a.act('ben', 'mute'));
		console.log(`        last packet ${found.last.join(', ')} ms after the answer; ${found.disobeyed} packets sent in vain`);
		await c.waitSees('ben', { muted: true, mic: false });
		equal(await publishByHand(b, room), { status: 403, code: 'muted_by_moderator' }, 'publishing while muted');
	});

	await group.step('A unmutes B, who opens the microphone and is heard again', async () => {
		await b.evaluate(() => (window.__probe.hostile = false));
		await a.act('ben', 'unmute');
		await b.waitSees('ben', { muted: false });
		await b.microphone(true);
		for (const listener of [a, c]) await listener.hears(b);
	});

	await group.step('A moves B to the audience while the browser of B keeps sending: nothing arrives', async () => {
		const found = await silencedInTime(a, b, receivers, () => a.act('ben', 'move'));
		console.log(`        last packet ${found.last.join(', ')} ms after the answer; ${found.disobeyed} packets sent in vain`);
		await b.waitSees('ben', { role: 'listener' });
		equal(await publishByHand(b, room), { status: 403, code: 'not_on_stage' }, 'publishing from the audience');
		await c.hears(a);
	});

	await group.step('all leave and the room is gone', async () => {
		const outsider = await server.member('outsider');
		equal((await outsider.must('GET', '/api/rooms')).body.rooms.map((card) => card.id), [room], 'rooms live now');
		await b.evaluate(() => (window.__probe.hostile = false));
		for (const person of [b, ...receivers.filter((one) => one !== a)]) await person.click('leave-button');
		// Whoever is alone is not asked whether the room is to end.
		await until('A to be alone', async () => (await a.attribute('audience-count', 'data-count')) === '0');
		await a.click('leave-button');
		await until('the room to have ended', async () => (await outsider.request('GET', `/api/rooms/${room}`)).code === 'room_ended');
		equal((await outsider.must('GET', '/api/rooms')).body.rooms, [], 'rooms live now');
		equal((await new Client(server.url).request('GET', `/api/rooms/${room}`)).code, 'not_signed_in', 'for strangers');
	});

	await group.step('the log names nobody', async () => {
		for (const secret of ['anna', 'chen', 'fanny', 'Evening talk', QUESTION, room]) {
			check(!server.log.includes(secret), `the log holds ${JSON.stringify(secret)}`);
		}
	});
}
