// The HTTP surface and the control socket, from Node: a second client that proves docs/PROTOCOL.md.

import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';

import { check, until, within } from './harness.mjs';

export class Client {
	constructor(url, token = null) {
		this.url = url;
		this.token = token;
	}

	/** Sends a request; never throws for a status. `body` is sent as it is, `json` is encoded. */
	async request(method, path, { json, body, type, headers = {}, token = this.token } = {}) {
		const answer = await fetch(this.url + path, {
			method,
			redirect: 'manual',
			headers: {
				...(json !== undefined && { 'content-type': 'application/json' }),
				...(type && { 'content-type': type }),
				...(token && { authorization: `Bearer ${token}` }),
				...headers
			},
			body: json === undefined ? body : JSON.stringify(json)
		});
		const text = await answer.text();
		let value = text;
		try {
			value = JSON.parse(text);
		} catch {
			// Not every answer is JSON: SDP is not.
		}
		return { status: answer.status, code: value?.code, body: value, headers: answer.headers };
	}

	/** As {@link request}, for what must succeed. */
	async must(method, path, options) {
		const answer = await this.request(method, path, options);
		check(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		return answer;
	}

	/** Redeems an invite; gives a client that is signed in as the new member. */
	async redeem(code, handle, name, language = 'en') {
		const answer = await this.must('POST', `/api/invites/${code}/redeem`, { json: { handle, name, language } });
		const token = sessionOf(answer);
		check(token, 'redeeming gave no session cookie');
		const client = new Client(this.url, token);
		client.me = answer.body;
		return client;
	}

	async openRoom(title, more = {}) {
		return (await this.must('POST', '/api/rooms', { json: { title, kind: 'open', ...more } })).body.id;
	}

	/** Opens the control socket and waits for the snapshot, or for what was missed after `since`. */
	async enter(room, since = null) {
		const socket = new ControlSocket(this, room, since);
		await within(30_000, socket.opened, 'opening the control socket');
		if (since === null) await until('a snapshot', () => socket.snapshot);
		return socket;
	}
}

/** The session token that an answer sets. */
export function sessionOf(answer) {
	const cookies = answer.headers.getSetCookie().map((cookie) => /^roomtone_session=([^;]+)/.exec(cookie)?.[1]);
	return cookies.find(Boolean);
}

/** 128 random bits as the protocol writes ids. */
export function newId() {
	const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
	let bits = BigInt(`0x${randomBytes(16).toString('hex')}`);
	let text = '';
	for (let i = 0; i < 26; i++, bits >>= 5n) text = alphabet[Number(bits & 31n)] + text;
	return text;
}

export class ControlSocket {
	/** All messages, each with `receivedAt` (ms). */
	messages = [];
	snapshot = null;
	/** Own role epoch, as the server last said. */
	epoch = 0;
	closed = false;

	constructor(client, room, since) {
		const query = since === null ? '' : `?since=${since}`;
		this.member = client.me?.id;
		this.socket = new WebSocket(`${client.url.replace(/^http/, 'ws')}/api/rooms/${room}/ws${query}`, {
			headers: { authorization: `Bearer ${client.token}` }
		});
		this.opened = new Promise((resolve, reject) => {
			this.socket.once('open', resolve);
			this.socket.once('unexpected-response', (_, response) => {
				reject(Object.assign(new Error(`socket refused: ${response.statusCode}`), { status: response.statusCode }));
			});
			this.socket.once('error', reject);
		});
		this.socket.on('message', (data) => this.#take(JSON.parse(data.toString())));
		this.socket.on('close', () => (this.closed = true));
		this.socket.on('error', () => {});
	}

	#take(message) {
		this.messages.push({ ...message, receivedAt: Date.now() });
		if (message.type === 'snapshot') {
			this.snapshot = message;
			this.epoch = message.you.role_epoch;
		}
		for (const { event } of message.type === 'events' ? message.events : []) {
			const about = event.member ?? event.person?.id;
			if (about === this.member && event.role_epoch !== undefined) this.epoch = event.role_epoch;
		}
	}

	send(text) {
		this.socket.send(typeof text === 'string' ? text : JSON.stringify(text));
	}

	/** Sends a command without waiting; gives its id. */
	post(command, { id = newId(), epoch = this.epoch } = {}) {
		this.send({ type: 'command', id, role_epoch: epoch, command });
		return id;
	}

	answer(id) {
		return this.messages.find((message) => message.type === 'answer' && message.id === id);
	}

	/** Sends a command and gives the answer. */
	async command(command, options) {
		const id = this.post(command, options);
		return until(`an answer to ${command.type}`, () => this.answer(id), { every: 10 });
	}

	/** All numbered events so far. */
	events() {
		return this.messages.filter((message) => message.type === 'events').flatMap((message) => message.events);
	}

	bye() {
		return this.messages.find((message) => message.type === 'bye')?.code;
	}

	close() {
		this.socket.terminate();
	}
}
