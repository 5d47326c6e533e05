// That moderation holds against a browser that does not obey (guarantee G2): by the last packet that a receiver got.

import { check, pause, until } from '../lib/harness.mjs';

/** From the answer to a moderator's command to the last packet of the person it silences, in ms. The guarantee is 250 ms, which
 * `crowd hostile` measures and the group of bots shows; a browser on a busy machine takes what came in time off its socket later. */
const LIMIT = 1_000;
/** How long nothing may arrive afterwards, in ms; also how long the disobedient browser goes on sending. */
const QUIET = 2_000;
/** Packets that a disobedient browser must have sent in that time for the test to mean something: at 50 a second it
 * sends 100. */
const DISOBEDIENT = 20;

/**
 * `moderator` does `act` to `target`, whose browser is made to keep sending. Shows that `target` was heard by all
 * `receivers` until then, and that none of them got a packet of it later than {@link LIMIT} after the answer.
 */
export async function silencedInTime(moderator, target, receivers, act) {
	const slots = [];
	for (const receiver of receivers) {
		slots.push(await until(`${receiver.handle} to receive ${target.handle}`, async () => {
			const found = await receiver.slotOf(target.number);
			return found && found.packets > 0 && { receiver, slot: found.index };
		}));
	}
	await target.evaluate(() => (window.__probe.hostile = true));
	const answersBefore = (await moderator.messages('answer')).length;
	await act();
	const answer = await until('the answer', async () => (await moderator.messages('answer'))[answersBefore], { every: 20 });
	check(!answer.error, `the command was refused: ${JSON.stringify(answer.error)}`);

	const sentBefore = await target.sent();
	await pause(Math.max(0, answer.at + LIMIT - Date.now()));
	await pause(QUIET);
	const later = await Promise.all(slots.map(async ({ receiver, slot }) => (await receiver.slots())[slot]));
	const sentAfter = await target.sent();

	const disobeyed = sentAfter.packets - sentBefore.packets;
	check(disobeyed >= DISOBEDIENT, `${target.handle}'s browser sent only ${disobeyed} packets more: it obeyed (${sentAfter.state})`);
	check(later.some(({ lastAt }) => lastAt !== null), 'nobody has the leg left on which they heard them');
	slots.forEach(({ receiver }, i) => {
		// A page that was slow may have taken the silence for a lost way and made its leg anew: nothing came on that one.
		if (later[i].lastAt === null) return;
		const last = later[i].lastAt - answer.at;
		check(last > -1_000, `${receiver.handle} had not been receiving: last packet ${last} ms`);
		check(last <= LIMIT, `${receiver.handle} got a packet ${Math.round(last)} ms after the answer`);
	});
	return { last: later.map(({ lastAt }) => (lastAt === null ? 'none' : Math.round(lastAt - answer.at))), disobeyed };
}

/** Tries, from the person's own page, to publish by hand; gives the status and code of the refusal. */
export function publishByHand(person, room) {
	return person.evaluate(async (id) => {
		const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
		const connection = new RTCPeerConnection();
		connection.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly' });
		const offer = await connection.createOffer();
		const answer = await fetch(`/api/rooms/${id}/publish`, {
			method: 'POST',
			headers: { 'content-type': 'application/sdp' },
			body: offer.sdp
		});
		return { status: answer.status, code: (await answer.json()).code };
	}, room);
}
