// Bad input, by every door: each gets its code (or, for datagrams, silence), and changes nothing: the sound of the
// room that is live meanwhile goes on without a lost or changed packet.

import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';

import { Client, newId, sessionOf } from '../lib/api.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { Peer } from '../lib/peer.mjs';
import { MEDIA_ADDRESS, Server } from '../lib/server.mjs';
import { bindingRequest, clientHello, handMadeOffer, isSuccess, Knocker, readAnswer } from '../lib/stun.mjs';
import { welcome } from './bots.mjs';

const SDP = 'application/sdp';
const MINE = { ufrag: 'abcd', password: 'abcdefghijklmnopqrstuvwx' };
const SOMEBODY = '0123456789abcdefghjkmnpqrs';

/** Sends each request and compares status and code. */
async function refused(client, cases) {
	for (const [what, method, path, options, status, code] of cases) {
		const answer = await client.request(method, path, options);
		equal([answer.status, answer.code], [status, code], what);
		check(typeof answer.body.message === 'string' && answer.body.message.length > 0, `${what}: no message for people`);
		equal(Object.keys(answer.body).sort(), ['code', 'message'], `${what}: fields of the error`);
	}
}

export async function refusals(group) {
	const server = group.use(await Server.start(group.folder()));
	const owner = await server.member('host');
	const room = await owner.openRoom('Goes on whatever comes');
	const host = group.use(await owner.enter(room));
	welcome(host);
	const talker = group.use(new Peer(await server.member('crowd_talker'), room, { talk: true, deaf: true }));
	const listener = group.use(new Peer(await server.member('crowd_listener'), room));
	const guest = await server.member('guest');
	const seat = group.use(await guest.enter(room));
	await talker.said('talking');
	await listener.hears('crowd_talker', 50);

	/** The room as the host knows it: a fresh snapshot, without what moves by itself. */
	const state = async () => {
		const seen = host.messages.length;
		host.send({ type: 'resync' });
		const { room: about, stage, hands, offers, audience, seq } = await until('a snapshot', () =>
			host.messages.slice(seen).find((message) => message.type === 'snapshot')
		);
		return { about, stage, hands, offers, audience, seq };
	};
	const before = await state();
	const api = `/api/rooms/${room}`;

	await group.step('HTTP: what is not understood, not there or not allowed', async () => {
		const json = { handle: 'newcomer', name: 'New', language: 'en' };
		const fresh = await server.invite();
		const redeem = `/api/invites/${fresh}/redeem`;
		await refused(owner, [
			['malformed JSON', 'POST', '/api/rooms', { body: '{"title":', type: 'application/json' }, 400, 'bad_request'],
			['a missing field', 'POST', '/api/rooms', { json: { title: 'x' } }, 400, 'bad_request'],
			['an unknown field', 'POST', '/api/rooms', { json: { title: 'x', kind: 'open', more: 1 } }, 400, 'bad_request'],
			['an unknown kind', 'POST', '/api/rooms', { json: { title: 'x', kind: 'secret' } }, 400, 'bad_request'],
			['the wrong content type', 'POST', '/api/rooms', { body: '{}', type: 'text/plain' }, 415, 'unsupported_media_type'],
			['an empty title', 'POST', '/api/rooms', { json: { title: '', kind: 'open' } }, 422, 'invalid_title'],
			['control characters', 'POST', '/api/rooms', { json: { title: 'a\u0007b', kind: 'open' } }, 422, 'invalid_title'],
			['a body of a megabyte', 'POST', '/api/rooms', { json: { title: 'x'.repeat(1 << 20), kind: 'open' } }, 413, 'too_large'],
			['a handle of two scripts', 'POST', redeem, { json: { ...json, handle: 'n\u043epe' } }, 422, 'invalid_handle'],
			['an empty name', 'POST', redeem, { json: { ...json, name: '' } }, 422, 'invalid_name'],
			['no language', 'POST', redeem, { json: { ...json, language: '!' } }, 422, 'invalid_language'],
			['a taken handle', 'POST', redeem, { json: { ...json, handle: 'guest' } }, 409, 'handle_taken'],
			['an unknown room', 'GET', `/api/rooms/${SOMEBODY}`, {}, 404, 'room_not_found'],
			['a room id that is none', 'GET', '/api/rooms/%00', {}, 404, 'room_not_found'],
			['the socket of an unknown room', 'GET', `/api/rooms/${SOMEBODY}/ws`, {}, 404, 'room_not_found'],
			['an unknown leg', 'DELETE', `${api}/legs/${SOMEBODY}`, {}, 404, 'leg_not_found'],
			['an unknown member', 'PUT', '/api/members/nobody/follow', {}, 404, 'member_not_found'],
			['an unknown route', 'GET', '/api/nothing', {}, 404, 'not_found'],
			['a method that is not there', 'PATCH', `${api}/legs/${SOMEBODY}`, {}, 405, 'method_not_allowed'],
			['no session', 'GET', '/api/me', { token: null }, 401, 'not_signed_in'],
			['an invented session', 'GET', '/api/me', { token: 'invented' }, 401, 'not_signed_in'],
			[
				'a page of another origin',
				'POST',
				'/api/rooms',
				{ json: { title: 'x', kind: 'open' }, headers: { origin: 'https://elsewhere.example' } },
				403,
				'cross_site'
			]
		]);
		// None of the refusals spent the invite.
		await owner.must('GET', `/api/invites/${fresh}`);
	});

	await group.step('SDP: malformed, without audio, without Opus, too large, of the wrong type', async () => {
		const offer = (more) => ({ body: handMadeOffer({ ...MINE, ...more }), type: SDP });
		const cases = [
			['not SDP', { body: 'hello', type: SDP }, 422, 'invalid_sdp'],
			['an empty body', { body: '', type: SDP }, 422, 'invalid_sdp'],
			['bytes that are no text', { body: randomBytes(200), type: SDP }, 422, 'invalid_sdp'],
			['an offer that breaks off', { body: handMadeOffer(MINE).slice(0, 120), type: SDP }, 422, 'invalid_sdp'],
			['no fingerprint', offer({ fingerprint: false }), 422, 'invalid_sdp'],
			['no ICE credentials', offer({ ice: false }), 422, 'invalid_sdp'],
			['only video', offer({ kind: 'video', codec: 'VP8/90000' }), 422, 'no_audio'],
			['no Opus', offer({ codec: 'PCMU/8000' }), 422, 'no_common_codec'],
			['70 KiB', { body: handMadeOffer(MINE) + 'a=x\r\n'.repeat(14_000), type: SDP }, 413, 'too_large'],
			['JSON', { json: { sdp: handMadeOffer(MINE) } }, 415, 'unsupported_media_type']
		];
		await refused(guest, cases.map(([what, ...rest]) => [`${what}, to listen`, 'POST', `${api}/listen`, ...rest]));
		const sending = ({ body, ...more }) =>
			typeof body === 'string' ? { ...more, body: body.replace('recvonly', 'sendonly') } : { ...more, body };
		// The host is on stage: only the offer can be wrong.
		await refused(owner, cases.map(([what, options, ...rest]) => [
			`${what}, to publish`, 'POST', `${api}/publish`, options.json ? options : sending(options), ...rest
		]));
		await refused(guest, [
			['publishing from the audience', 'POST', `${api}/publish`, sending(offer({})), 403, 'not_on_stage'],
			['listening in an unknown room', 'POST', `/api/rooms/${SOMEBODY}/listen`, offer({}), 404, 'room_not_found']
		]);
	});

	await group.step('invites: used, invented, and two at the same time', async () => {
		const body = (handle) => ({ json: { handle, name: handle, language: 'en' } });
		const used = await server.invite();
		await new Client(server.url).redeem(used, 'first_one', 'First');
		const stranger = new Client(server.url);
		await refused(stranger, [
			['a used invite', 'POST', `/api/invites/${used}/redeem`, body('second_one'), 404, 'invite_not_found'],
			['a used invite, shown', 'GET', `/api/invites/${used}`, {}, 404, 'invite_not_found'],
			['an invented invite', 'POST', `/api/invites/${SOMEBODY}/redeem`, body('second_one'), 404, 'invite_not_found'],
			['no code at all', 'GET', '/api/invites/%20', {}, 404, 'invite_not_found']
		]);
		const raced = await server.invite();
		const racers = ['racer_a', 'racer_b', 'racer_c', 'racer_d'];
		const answers = await Promise.all(
			racers.map((handle) => stranger.request('POST', `/api/invites/${raced}/redeem`, body(handle)))
		);
		equal(answers.map(({ status }) => status).sort(), [201, 404, 404, 404], 'answers to four at the same time');
		equal(answers.filter(sessionOf).length, 1, 'sessions');
		const known = await Promise.all(racers.map((handle) => owner.request('PUT', `/api/members/${handle}/follow`)));
		equal(known.map(({ status }) => status).sort(), [204, 404, 404, 404], 'members made');
	});

	await group.step('control socket: unknown and malformed messages, and commands out of order', async () => {
		const id = newId();
		for (const [what, message] of [
			['an unknown command', { type: 'command', id, role_epoch: 0, command: { type: 'dance' } }],
			['wrong fields', { type: 'command', id, role_epoch: 0, command: { type: 'mute', whom: 1 } }],
			['an unknown type', { type: 'greeting', id }],
			['no JSON', 'hello'],
			['half of a message', '{"type":"command","id":'],
			['an array', '[]']
		]) {
			const seen = seat.messages.length;
			seat.send(message);
			const answer = await until(`an answer to ${what}`, () => seat.messages.slice(seen).find(({ type }) => type === 'answer'));
			equal(answer.error?.code, 'unknown_command', what);
		}
		const hostId = before.stage.find(({ role }) => role === 'host').person.id;
		const [me, nobody] = [guest.me.id, newId()];
		const commands = [
			[seat, 'a listener opening a microphone', { type: 'set_mic', open: true }, 'not_on_stage'],
			[seat, 'stepping down from nowhere', { type: 'step_down' }, 'not_on_stage'],
			[seat, 'lowering no hand', { type: 'lower_hand' }, 'no_hand'],
			[seat, 'accepting no offer', { type: 'accept_offer' }, 'no_offer'],
			[seat, 'declining no offer', { type: 'decline_offer' }, 'no_offer'],
			[seat, 'a listener muting', { type: 'mute', member: hostId }, 'not_allowed'],
			[seat, 'a listener ending the room', { type: 'end' }, 'not_allowed'],
			[seat, 'a question that is too long', { type: 'raise_hand', question: 'x'.repeat(281) }, 'invalid_question'],
			[host, 'accepting a hand that is not up', { type: 'accept_hand', member: me }, 'no_hand'],
			[host, 'withdrawing what was not offered', { type: 'withdraw_offer', member: me }, 'no_offer'],
			[host, 'muting somebody in the audience', { type: 'mute', member: me }, 'not_on_stage'],
			[host, 'removing nobody', { type: 'remove', member: nobody }, 'no_such_participant'],
			[host, 'removing oneself', { type: 'remove', member: hostId }, 'target_protected'],
			[host, 'raising a hand on stage', { type: 'raise_hand', question: null }, 'already_on_stage']
		];
		for (const [socket, what, command, code] of commands) {
			equal((await socket.command(command)).error?.code, code, what);
		}
		const stale = await seat.command({ type: 'raise_hand', question: null }, { epoch: seat.epoch + 7 });
		equal(stale.error?.code, 'stale_role', 'a command of another role');
	});

	await group.step('control socket: a message that is too large, and strangers', async () => {
		const second = group.use(await (await server.member('loud')).enter(room));
		second.send(JSON.stringify({ type: 'command', id: newId(), padding: 'x'.repeat(1 << 20) }));
		await until('the socket to be closed', () => second.closed);
		const stranger = new Client(server.url, 'invented');
		const refusal = await stranger.enter(room).catch((error) => error);
		equal(refusal.status, 401, 'a socket without a session');
		await (await server.member('loud2')).request('GET', '/api/me');
	});

	await group.step('datagrams: garbage, truncated, wrong password, DTLS before STUN: silence', async () => {
		const answer = await guest.must('POST', `${api}/listen`, { body: handMadeOffer(MINE), type: SDP });
		const leg = readAnswer(answer.body);
		check(leg.ufrag && leg.password && leg.port, `the answer lacks something: ${answer.body}`);
		const right = { remoteUfrag: leg.ufrag, localUfrag: MINE.ufrag, password: leg.password };
		const good = bindingRequest(right).bytes;
		const bad = [
			...[1, 12, 20, 60, 200, 1_200].map((length) => randomBytes(length)),
			...[1, 8, 19, 20, 24, 40, good.length - 1].map((length) => good.subarray(0, length)),
			Buffer.concat([good.subarray(0, 2), Buffer.from([0xff, 0xff]), good.subarray(4)]),
			bindingRequest({ ...right, password: 'wrongwrongwrongwrongwrong' }).bytes,
			bindingRequest({ ...right, remoteUfrag: 'nobody' }).bytes,
			clientHello(),
			Buffer.concat([Buffer.from([0x80, 111]), randomBytes(60)]),
			Buffer.concat([Buffer.from([0x80, 200, 0, 6]), randomBytes(24)])
		];
		const knocker = group.use(await Knocker.at(MEDIA_ADDRESS));
		for (const bytes of bad) await knocker.send(bytes, leg);
		// What is right is answered, after all of it was dealt with: the silence before was meant.
		const check1 = bindingRequest(right);
		await knocker.send(check1.bytes, leg);
		await knocker.success(check1.transaction);
		equal(knocker.received.length, 1, 'datagrams in answer to nonsense');
		check(isSuccess(knocker.received[0], check1.transaction), 'the one answer is to the one right check');
		// Somebody else, whose address passed no check, does not get a handshake on it.
		const other = group.use(await Knocker.at(MEDIA_ADDRESS));
		await other.send(clientHello(), leg);
		const check2 = bindingRequest(right);
		await knocker.send(check2.bytes, leg);
		await knocker.success(check2.transaction);
		equal(other.received.length, 0, 'datagrams to an address that passed no check');
		await guest.must('DELETE', answer.headers.get('location'));
	});

	await group.step('TCP on the media port: garbage ends the connection or is met with silence', async () => {
		const stream = connect(server.mediaPort, MEDIA_ADDRESS);
		let received = 0;
		stream.on('data', (bytes) => (received += bytes.length));
		stream.on('error', () => {});
		await new Promise((resolve) => stream.once('connect', resolve));
		for (let i = 0; i < 20; i++) stream.write(randomBytes(500));
		const closed = new Promise((resolve) => stream.once('close', resolve));
		await Promise.race([closed, listener.hears('crowd_talker', 50)]);
		equal(received, 0, 'bytes in answer to nonsense');
		stream.destroy();
	});

	await group.step('a second session of the same member replaces the first, in the same place', async () => {
		const again = group.use(await guest.enter(room));
		await until('the first to be told', () => seat.bye() === 'replaced');
		equal(again.snapshot.you.number, seat.snapshot.you.number, 'the number in the room');
		const first = await guest.must('POST', `${api}/listen`, { body: handMadeOffer(MINE), type: SDP });
		const second = await guest.must('POST', `${api}/listen`, { body: handMadeOffer(MINE), type: SDP });
		check(first.headers.get('location') !== second.headers.get('location'), 'two legs with one name');
		await refused(guest, [['the replaced leg', 'DELETE', first.headers.get('location'), {}, 404, 'leg_not_found']]);
		await guest.must('DELETE', second.headers.get('location'));
		again.post({ type: 'leave' });
		await until('the farewell', () => again.bye() === 'left');
	});

	await group.step('nothing has changed: the same room, and its sound without a loss', async () => {
		const after = await state();
		// Those who came and went in between are gone or shown as lost; the room, the stage and the queues are the same.
		for (const key of ['about', 'stage', 'hands', 'offers']) equal(after[key], before[key], key);
		const heard = await listener.hears('crowd_talker', 50);
		const { lost, duplicates, reordered, mismatches } = heard;
		const wrong = { lost, duplicates, reordered, mismatches };
		equal(wrong, { lost: 0, duplicates: 0, reordered: 0, mismatches: 0 }, 'what was heard');
		check(server.running(), 'the server ended');
		check(!/panicked/.test(server.log), 'the server panicked');
	});

	await group.step('the log names nobody', async () => {
		for (const secret of ['crowd_talker', 'racer_', 'first_one', room, guest.token, owner.token, 'Goes on whatever']) {
			check(!server.log.includes(secret), `the log holds ${JSON.stringify(secret)}`);
		}
	});
}
