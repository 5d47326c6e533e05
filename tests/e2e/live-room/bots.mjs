// Talkers and listeners that are no browsers, in one room with one that is: payload bytes are compared.

import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, pause, until } from '../lib/harness.mjs';
import { Peer } from '../lib/peer.mjs';
import { Server } from '../lib/server.mjs';

/** From the answer to a mute to the last packet, in ms (guarantee G2). */
const LIMIT = 250;
/** How often that is tried: leases are renewed twice a second, so a mute that only takes effect with the next renewal
 * would be in time every other time. */
const ROUNDS = 8;
/** In so many of them it must be in time, and in the others, in which the machine was busy with something else, within a second. */
const [IN_TIME, LATEST] = [6, 1_000];

/** Lets in whoever raises a hand, until the room ends. */
export function welcome(host) {
	const accepted = new Set();
	host.socket.on('message', (data) => {
		const message = JSON.parse(data.toString());
		const raised = message.type === 'events' ? message.events.filter(({ event }) => event.type === 'hand_raised') : [];
		for (const { event } of raised) {
			accepted.add(event.person.id);
			host.post({ type: 'accept_hand', member: event.person.id });
		}
	});
	return accepted;
}

export async function bots(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const owner = await server.member('host');
	const room = await owner.openRoom('Bots and people');
	const host = group.use(await owner.enter(room));
	welcome(host);
	const talker = group.use(new Peer(await server.member('crowd_talker'), room, { talk: true, deaf: true }));
	const listener = group.use(new Peer(await server.member('crowd_listener'), room));

	await group.step('a listener that is no browser gets every byte as it was sent', async () => {
		await talker.said('talking');
		const heard = await listener.hears('crowd_talker', 250);
		check(heard.checked, 'the payload was not compared');
		const { frames, lost, duplicates, reordered, mismatches } = heard;
		const wrong = { lost, duplicates, reordered, mismatches };
		equal(wrong, { lost: 0, duplicates: 0, reordered: 0, mismatches: 0 }, 'what arrived');
		check(frames === heard.packets, `${heard.packets} packets held ${frames} frames`);
	});

	const person = group.use(await ChromiumPerson.launch('dora', 330, folder));
	await group.step('a browser hears the same talker', async () => {
		await person.join(server.site, await server.invite());
		await person.enter(room);
		await person.hears({ handle: 'crowd_talker', number: talker.lines[0].number, hz: null });
	});

	await group.step(`${ROUNDS} times muted and unmuted: gone at once, though the talker goes on sending`, async () => {
		const member = talkerId(host);
		const worst = [];
		for (let round = 0; round < ROUNDS; round++) {
			// Each round at another phase of whatever the server does twice a second.
			await pause((round * 190) % 500);
			const answer = await host.command({ type: 'mute', member });
			check(!answer.error, JSON.stringify(answer.error));
			const sentThen = talker.lines.findLast((line) => line.event === 'sent').frames;
			await printed(listener, Math.max(2, Math.ceil((answer.receivedAt + LATEST + 300 - Date.now()) / 200)));
			const settled = listener.heard('crowd_talker');
			await printed(listener, 3);
			const later = listener.heard('crowd_talker');
			equal([later.packets, later.mismatches, later.duplicates], [settled.packets, 0, 0], 'packets long after the mute');
			worst.push(later.last - answer.receivedAt);
			check(worst.at(-1) <= LATEST, `a packet came ${worst.at(-1)} ms after the answer`);
			const sentNow = talker.lines.findLast((line) => line.event === 'sent').frames;
			check(sentNow >= sentThen + 20, `the talker obeyed: ${sentNow - sentThen} frames sent`);
			const publications = talker.lines.filter((line) => line.event === 'talking').length;
			const unmuted = await host.command({ type: 'unmute', member });
			check(!unmuted.error, JSON.stringify(unmuted.error));
			await until('the talker to publish anew', () => talker.lines.filter((line) => line.event === 'talking').length > publications);
			await listener.hears('crowd_talker', 10 + round);
		}
		console.log(`        last packets ${worst.join(', ')} ms after the answer`);
		check(worst.filter((late) => late <= LIMIT).length >= IN_TIME, `packets came ${worst.join(', ')} ms after the answer`);
		await person.hears({ handle: 'crowd_talker', number: talker.lines[0].number, hz: null });
	});
}

function talkerId(host) {
	const changed = host.events().find(({ event }) => event.type === 'role_changed' && event.person.handle === 'crowd_talker');
	return changed.event.person.id;
}

/** Waits until a peer has printed its counts so many times more. */
async function printed(peer, times) {
	const count = () => peer.lines.filter((line) => line.event === 'heard').length;
	const from = count();
	while (count() < from + times) await pause(50);
}
