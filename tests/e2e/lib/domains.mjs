// An internet of the tests' own, in which a person can prove a domain: a name server, and a web server that answers over TLS
// for every domain there, with a certificate that only the server under test trusts.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';

/** Where all domains live: the one address outside that the server under test may go to. */
const PLACE = '127.0.0.2';
/** Kinds of DNS records (RFC 1035, section 3.2.2). */
const [A, TXT] = [1, 16];

export class Domains {
	/** What names say, by name: texts. */
	#texts = new Map();
	/** What is published, by `host/path`. */
	#files = new Map();
	/** What the web server was asked for, as `host/path`. */
	asked = [];

	/** Serves `domains`, with the certificate in `folder`. */
	static async start(folder, domains) {
		const own = new Domains();
		own.domains = domains;
		own.roots = join(folder, 'roots.pem');
		const tls = certificate(folder, own.roots, domains);
		own.web = createServer(tls, (request, response) => own.#serve(request, response));
		own.names = createSocket('udp4');
		own.names.on('message', (query, from) => own.names.send(own.#answer(query), from.port, from.address));
		await Promise.all([
			new Promise((resolve, reject) => own.web.once('error', reject).listen(0, PLACE, resolve)),
			new Promise((resolve, reject) => own.names.once('error', reject).bind(0, '127.0.0.1', resolve))
		]);
		return own;
	}

	/** What a server is started with that is to look here. */
	get options() {
		return [
			...['--proof-resolver', `127.0.0.1:${this.names.address().port}`],
			...['--proof-port', String(this.web.address().port)],
			...['--proof-allow', `${PLACE}/32`],
			...['--proof-roots', this.roots]
		];
	}

	/** Gives a name a TXT record. */
	says(name, text) {
		this.#texts.set(name, text);
	}

	/** Puts a text at an address. */
	publishes(url, text) {
		const { hostname, pathname } = new URL(url);
		this.#files.set(`${hostname}${pathname}`, text);
	}

	#serve(request, response) {
		const asked = `${request.headers.host.split(':')[0]}${request.url}`;
		this.asked.push(asked);
		const text = this.#files.get(asked);
		response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' });
		response.end(text ?? '');
	}

	/** The answer to a query, which has one question (RFC 1035, section 4). */
	#answer(query) {
		let [at, labels] = [12, []];
		for (; query[at] !== 0; at += query[at] + 1) labels.push(query.toString('ascii', at + 1, at + 1 + query[at]));
		const [name, kind, end] = [labels.join('.').toLowerCase(), query.readUInt16BE(at + 1), at + 5];
		const text = this.#texts.get(name);
		const known = text !== undefined || this.domains.includes(name);
		let data = null;
		if (kind === A && this.domains.includes(name)) data = Buffer.from(PLACE.split('.').map(Number));
		if (kind === TXT && text !== undefined) data = Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
		const head = Buffer.alloc(12);
		query.copy(head, 0, 0, 2);
		// An authoritative answer; a name that is not known does not exist (NXDOMAIN).
		head.writeUInt16BE(known ? 0x8580 : 0x8583, 2);
		head.writeUInt16BE(1, 4);
		head.writeUInt16BE(data ? 1 : 0, 6);
		const record = Buffer.alloc(12);
		// The name is that of the question; the record holds for 0 s.
		record.writeUInt16BE(0xc00c, 0);
		record.writeUInt16BE(kind, 2);
		record.writeUInt16BE(1, 4);
		record.writeUInt16BE(data?.length ?? 0, 10);
		return Buffer.concat([head, query.subarray(12, end), ...(data ? [record, data] : [])]);
	}

	close() {
		this.names.close();
		this.web.closeAllConnections();
		return new Promise((resolve) => this.web.close(resolve));
	}
}

/** Makes a key and a certificate for these domains; the certificate, which is its own authority, is put into `roots`. */
function certificate(folder, roots, domains) {
	const [settings, key] = [join(folder, 'openssl.cnf'), join(folder, 'key.pem')];
	writeFileSync(
		settings,
		['[req]', 'distinguished_name=name', 'x509_extensions=more', 'prompt=no', '[name]', 'CN=Domains of a test', '[more]']
			.concat(`subjectAltName=${domains.map((domain) => `DNS:${domain}`).join(',')}`)
			.join('\n')
	);
	const how = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
	execFileSync('openssl', ['req', ...how, '-config', settings, '-keyout', key, '-out', roots], { stdio: 'pipe' });
	return { key: readFileSync(key), cert: readFileSync(roots) };
}
