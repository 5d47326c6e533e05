// Just enough STUN (RFC 8489) and DTLS (RFC 6347) to knock on the media port by hand.

import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

import { until } from './harness.mjs';

const COOKIE = 0x2112a442;

function attribute(type, value) {
	const head = Buffer.alloc(4);
	head.writeUInt16BE(type, 0);
	head.writeUInt16BE(value.length, 2);
	return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** A binding request as an ICE controlling agent sends it (RFC 8445, section 7.2.2), with the given credentials. */
export function bindingRequest({ remoteUfrag, localUfrag, password }) {
	const transaction = randomBytes(12);
	const tieBreaker = randomBytes(8);
	const priority = Buffer.alloc(4);
	priority.writeUInt32BE(0x6e0001ff);
	const attributes = Buffer.concat([
		attribute(0x0006, Buffer.from(`${remoteUfrag}:${localUfrag}`)),
		attribute(0x0024, priority),
		attribute(0x802a, tieBreaker),
		attribute(0x0025, Buffer.alloc(0))
	]);
	const head = (length) => {
		const bytes = Buffer.alloc(8);
		bytes.writeUInt16BE(0x0001, 0);
		bytes.writeUInt16BE(length, 2);
		bytes.writeUInt32BE(COOKIE, 4);
		return Buffer.concat([bytes, transaction]);
	};
	const signed = Buffer.concat([head(attributes.length + 24), attributes]);
	const integrity = attribute(0x0008, createHmac('sha1', password).update(signed).digest());
	const checked = Buffer.concat([head(attributes.length + 32), attributes, integrity]);
	const fingerprint = Buffer.alloc(4);
	fingerprint.writeUInt32BE((crc32(checked) ^ 0x5354554e) >>> 0);
	return { transaction, bytes: Buffer.concat([checked, attribute(0x8028, fingerprint)]) };
}

/** CRC-32 as in ITU V.42, which FINGERPRINT uses (RFC 8489, section 14.7). */
function crc32(bytes) {
	let crc = ~0;
	for (const byte of bytes) {
		crc ^= byte;
		for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc >>> 0;
}

/** Whether `bytes` is a STUN success response to that transaction. */
export function isSuccess(bytes, transaction) {
	return bytes.length >= 20 && bytes.readUInt16BE(0) === 0x0101 && bytes.subarray(8, 20).equals(transaction);
}

/** A DTLS 1.2 ClientHello without extensions: well-formed enough that a DTLS server would answer it. */
export function clientHello() {
	const body = Buffer.concat([
		Buffer.from([0xfe, 0xfd]),
		randomBytes(32),
		Buffer.from([0, 0]),
		Buffer.from([0, 4, 0xc0, 0x2b, 0xc0, 0x0a]),
		Buffer.from([1, 0])
	]);
	const handshake = Buffer.alloc(12);
	handshake[0] = 1;
	handshake.writeUIntBE(body.length, 1, 3);
	handshake.writeUIntBE(body.length, 9, 3);
	const record = Buffer.alloc(13);
	record[0] = 22;
	record.writeUInt16BE(0xfeff, 1);
	record.writeUInt16BE(handshake.length + body.length, 11);
	return Buffer.concat([record, handshake, body]);
}

/** A UDP socket that keeps what it receives. */
export class Knocker {
	received = [];

	static async at(address) {
		const knocker = new Knocker();
		knocker.socket = createSocket('udp4');
		knocker.socket.on('message', (bytes) => knocker.received.push(bytes));
		await new Promise((resolve) => knocker.socket.bind(0, address, resolve));
		return knocker;
	}

	async send(bytes, { address, port }) {
		await new Promise((resolve, reject) =>
			this.socket.send(bytes, port, address, (error) => (error ? reject(error) : resolve()))
		);
	}

	/** Waits for the answer to a transaction. Datagrams to one socket keep their order, so by then whatever was sent
	 * earlier has been dealt with. */
	async success(transaction) {
		return until('a STUN success response', () => this.received.some((bytes) => isSuccess(bytes, transaction)));
	}

	close() {
		this.socket.close();
	}
}

/** An offer to listen by hand: what a player would send, with our own credentials. */
export function handMadeOffer({ ufrag, password, kind = 'audio', codec = 'opus/48000/2', fingerprint = true, ice = true }) {
	return [
		'v=0',
		'o=- 1 1 IN IP4 127.0.0.1',
		's=-',
		't=0 0',
		'a=group:BUNDLE 0',
		`m=${kind} 9 UDP/TLS/RTP/SAVPF 111`,
		'c=IN IP4 0.0.0.0',
		'a=mid:0',
		'a=recvonly',
		'a=rtcp-mux',
		`a=rtpmap:111 ${codec}`,
		...(ice ? [`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${password}`] : []),
		...(fingerprint ? [`a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`] : []),
		'a=setup:actpass',
		''
	].join('\r\n');
}

/** Credentials and first UDP candidate in an answer. */
export function readAnswer(sdp) {
	const candidate = /^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/im.exec(sdp);
	return {
		ufrag: /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1],
		password: /^a=ice-pwd:(\S+)/m.exec(sdp)?.[1],
		address: candidate?.[1],
		port: Number(candidate?.[2])
	};
}
