// A Roomtone server of its own: temporary data, free ports, its log kept; killed and started again on the same ports.

import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

import { Client } from './api.mjs';
import { check, program, save, within } from './harness.mjs';

const READY = /listening on (http:\/\/[^\s,]+), to be reached as (http:\/\/\S+?)\/?\s/;
/** Where media is offered: an address that is not loopback, where there is one, because Firefox wants that. */
export const MEDIA_ADDRESS = process.env.E2E_MEDIA_ADDRESS ?? '127.0.0.1';
/** Media threads of a server under test: two, so that legs on different threads meet. */
export const MEDIA_THREADS = 2;

export class Server {
	log = '';
	/** Where the API is reached. */
	url = '';
	/** Where people reach it. */
	site = '';
	#child = null;

	/** Starts a server with its data in `folder`, listening on `address`, with further `options` of `roomtone serve`. */
	static async start(folder, address = '127.0.0.1', options = []) {
		const server = new Server();
		server.options = options;
		server.data = `${folder}/data`;
		server.listen = `${address}:0`;
		server.mediaPort = await freePorts(MEDIA_THREADS);
		await server.#serve();
		server.listen = new URL(server.url).host;
		return server;
	}

	async #serve() {
		const media = `${MEDIA_ADDRESS}:${this.mediaPort}`;
		const child = spawn(
			program('roomtone', 'ROOMTONE_BIN'),
			['serve', '--listen', this.listen, '--media', media, '--data', this.data, ...this.options],
			{
				stdio: ['ignore', 'pipe', 'pipe'],
				env: { ...process.env, ROOMTONE_MEDIA_THREADS: String(MEDIA_THREADS), NO_COLOR: '1' }
			}
		);
		this.#child = child;
		let said = '';
		const ready = new Promise((resolve, reject) => {
			const take = (chunk) => {
				this.log += chunk;
				said += chunk;
				const found = READY.exec(said);
				if (found) resolve(found);
			};
			child.stdout.on('data', take);
			child.stderr.on('data', take);
			child.once('error', reject);
			child.once('exit', (code, signal) => reject(new Error(`server ended (${signal ?? code}): ${said.slice(-2_000)}`)));
		});
		[, this.url, this.site] = await within(60_000, ready, 'starting the server');
	}

	/** Ends the process without warning, as a crash or a power cut would. */
	async kill() {
		const child = this.#child;
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const gone = new Promise((resolve) => child.once('exit', resolve));
		child.kill('SIGKILL');
		await gone;
	}

	/** Serves again: same data, same ports. */
	async restart() {
		this.log += '\n--- started again ---\n';
		await this.#serve();
	}

	/** Whether the process is there. */
	running() {
		return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
	}

	/** The code of a fresh invite, made by the command line. */
	async invite() {
		const { stdout } = await promisify(execFile)(program('roomtone', 'ROOMTONE_BIN'), ['invite', '--data', this.data]);
		const found = /^\S+\/join\/(\S+)\n?$/.exec(stdout);
		check(found, `roomtone invite printed ${JSON.stringify(stdout)}, not one link`);
		return found[1];
	}

	/** A new member, signed in through the API. */
	async member(handle, name = handle, language = 'en') {
		return new Client(this.url).redeem(await this.invite(), handle, name, language);
	}

	async close() {
		await this.kill();
	}

	evidence(folder) {
		save(folder, 'server.log', this.log);
	}
}

/** The first of `count` neighbouring ports that are free for UDP and TCP. */
async function freePorts(count) {
	for (let attempt = 0; attempt < 50; attempt++) {
		const first = await holdPort(0);
		const held = [first];
		try {
			for (let i = 1; i < count; i++) held.push(await holdPort(first.port + i));
			return first.port;
		} catch {
			// A neighbour is taken: try elsewhere.
		} finally {
			await Promise.all(held.map((port) => port.release()));
		}
	}
	throw new Error('no free ports for media');
}

async function holdPort(wanted) {
	const udp = createSocket('udp4');
	await new Promise((resolve, reject) => udp.once('error', reject).bind(wanted, MEDIA_ADDRESS, resolve));
	const { port } = udp.address();
	const tcp = createServer();
	try {
		await new Promise((resolve, reject) => tcp.once('error', reject).listen(port, MEDIA_ADDRESS, resolve));
	} catch (error) {
		udp.close();
		throw error;
	}
	const release = () =>
		Promise.all([new Promise((resolve) => udp.close(resolve)), new Promise((resolve) => tcp.close(resolve))]);
	return { port, release };
}
