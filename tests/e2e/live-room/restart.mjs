// The server is killed in the middle of a talk and started again (guarantee G13).

import { newId } from '../lib/api.mjs';
import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';

const QUESTION = 'Will this be here afterwards?';
/** Commands in the burst during which the server is killed: no more than it remembers of one member. */
const BURST = 30;

/** What has to be the same afterwards of everybody in the room. */
async function roster(client, room) {
	const { participants, next } = (await client.must('GET', `/api/rooms/${room}/roster`)).body;
	equal(next, null, 'a second page of the roster');
	return participants.map(({ person, number, role, muted }) => [person.handle, number, role, muted]);
}

export async function restart(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const [a, b, c] = [
		group.use(await ChromiumPerson.launch('anna', 440, folder)),
		group.use(await ChromiumPerson.launch('ben', 660, folder)),
		group.use(await ChromiumPerson.launch('chen', 550, folder))
	];
	const busy = await server.member('busy');
	let room;
	let socket;

	await group.step('A talks, B is muted on stage, C has a hand up', async () => {
		await a.join(server.site, await server.invite());
		room = await a.startRoom('To be interrupted');
		await a.microphone(true);
		for (const person of [b, c]) {
			await person.join(server.site, await server.invite());
			await person.enter(room);
		}
		await b.raiseHand('');
		await a.acceptHand();
		await b.waitSees('ben', { role: 'speaker' });
		await b.microphone(true);
		await c.hears(b);
		await a.act('ben', 'mute');
		await c.waitSees('ben', { muted: true });
		await c.raiseHand(QUESTION);
		await until('the hand to be up', async () => (await eventsOf(a)).some(({ event }) => event.question === QUESTION));
		for (const listener of [b, c]) await listener.hears(a);
	});

	let before;
	let burst;
	await group.step('the server is killed in the middle of a burst of commands', async () => {
		socket = group.use(await busy.enter(room));
		before = await roster(busy, room);
		burst = Array.from({ length: BURST }, (_, i) => ({
			id: newId(),
			command: i % 2 === 0 ? { type: 'raise_hand', question: `Number ${i}` } : { type: 'lower_hand' }
		}));
		const post = ({ id, command }) => socket.post(command, { id });
		burst.slice(0, BURST / 2).forEach(post);
		await until('the first answers', () => socket.answer(burst[0].id), { every: 1 });
		burst.slice(BURST / 2).forEach(post);
		await server.kill();
		await until('the socket to be lost', () => socket.closed);
	});
	const answered = burst.map(({ id }) => socket.answer(id)).filter(Boolean);
	console.log(`        ${answered.length} of ${BURST} commands were answered before the end`);
	const seen = await numbers(a);

	await group.step('all browsers notice', async () => {
		for (const person of [a, b, c]) await connection(person, (state) => state !== 'connected');
	});

	await group.step('started again, all come back by themselves to the same room, and the talk goes on', async () => {
		await server.restart();
		for (const person of [a, b, c]) await connection(person, (state) => state === 'connected');
		await a.publishes();
		for (const listener of [b, c]) await listener.hears(a);
	});

	await group.step('roles, mutes and numbers are as they were', async () => {
		// The one who sent the burst is still lost: it comes back below.
		equal(await roster(busy, room), before, 'the roster');
		for (const person of [a, b, c]) {
			await person.waitSees('anna', { role: 'host' });
			await person.waitSees('ben', { role: 'speaker', muted: true });
		}
	});

	await group.step('every acknowledged command is there, once', async () => {
		check(answered.every((answer) => !answer.error), JSON.stringify(answered.find((answer) => answer.error)));
		const last = Math.max(...answered.map((answer) => answer.seq));
		for (const person of [a, b, c]) {
			await until(`${person.handle} to know of all of it`, async () => (await numbers(person)) >= last);
		}
	});

	await group.step('the burst sent again completes it: each command is applied once', async () => {
		// Raising a raised hand and lowering a lowered one are refused, and each command that is applied makes one event:
		// with 30 answers, no refusal and rising numbers each was applied once, before the end or after it.
		const again = group.use(await busy.enter(room));
		let before = 0;
		for (const { id, command } of burst) {
			const answer = await again.command(command, { id });
			equal(answer.error, undefined, `the answer to ${JSON.stringify(command)}`);
			check(answer.seq > before, `number ${answer.seq} after ${before}`);
			before = answer.seq;
			const first = socket.answer(id);
			if (first) equal(answer.seq, first.seq, 'the number in a repeated answer');
		}
		again.send({ type: 'resync' });
		await until('a snapshot', () => again.messages.findLast(({ type }) => type === 'snapshot').seq >= before);
		equal(again.snapshot.you.hand, null, 'the hand in the end');
	});

	await group.step('event numbers go on without a gap', async () => {
		const answersBefore = (await a.messages('answer')).length;
		await a.act('ben', 'unmute');
		const answer = await until('the answer', async () => (await a.messages('answer'))[answersBefore]);
		check(answer.seq > seen, `${answer.seq} follows ${seen}`);
		for (const person of [a, b, c]) await numbers(person);
	});

	await group.step('the hand with its question is still up, and can be accepted', async () => {
		await a.page.reload();
		await a.entered();
		const hands = await a.evaluate(() => window.__probe.messages.find((message) => message.type === 'snapshot').hands);
		check(hands.some(({ person, question }) => person.handle === 'chen' && question === QUESTION), JSON.stringify(hands));
	});
}

/** All events a person's browser has got, in the order they came. */
async function eventsOf(person) {
	return (await person.messages('events')).flatMap((message) => message.events);
}

/** Follows the numbers in all that a person's browser was told; throws where they go back or leave something out.
 * Gives the last one. */
async function numbers(person) {
	const told = await person.evaluate(() =>
		window.__probe.messages
			.filter(({ type }) => type === 'snapshot' || type === 'events')
			.map(({ type, after, seq, events }) => ({ type, after, seq, events: events?.map((one) => one.seq) }))
	);
	let known = 0;
	for (const { type, after, seq, events } of told) {
		check(seq >= known, `${person.handle} was told of ${seq} after ${known}`);
		if (type === 'events') {
			check(after <= known, `${person.handle} was told what follows on ${after} but knew only up to ${known}`);
			check(events.every((one, i) => one > (events[i - 1] ?? after) && one <= seq), `numbers ${events} in ${after}..${seq}`);
		}
		known = seq;
	}
	return known;
}

function connection(person, wanted) {
	return until(`${person.handle}'s connection`, async () => {
		const state = await person.evaluate(() => document.querySelector('[data-testid=connection-state]')?.dataset.state);
		return state && wanted(state);
	});
}
