// `crowd peer`: somebody in the room who is no browser and knows each byte that was sent.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { program, save, until } from './harness.mjs';

export class Peer {
	lines = [];
	errors = '';

	/** Joins `room` as `client`'s member. With `talk` it raises its hand and publishes once accepted. */
	constructor(client, room, { talk = false, deaf = false } = {}) {
		this.handle = client.me.handle;
		const options = ['peer', '--server', client.url, '--room', room, '--bearer', client.token];
		if (talk) options.push('--talk');
		if (deaf) options.push('--deaf');
		this.child = spawn(program('crowd', 'CROWD_BIN'), options, { stdio: ['pipe', 'pipe', 'pipe'] });
		createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)));
		this.child.stderr.on('data', (chunk) => (this.errors += chunk));
		this.child.stdin.on('error', () => {});
		this.gone = new Promise((resolve) => this.child.once('exit', resolve));
	}

	/** Waits for a line with this event. */
	async said(event) {
		return until(`${event} from ${this.handle} ${this.errors}`, () => this.lines.find((line) => line.event === event));
	}

	/** The latest counts of what it heard of somebody, by handle. */
	heard(handle) {
		return this.lines.findLast((line) => line.event === 'heard' && line.handle === handle);
	}

	/** Waits until `more` further packets of somebody have been received; gives the counts. */
	async hears(handle, more = 50) {
		const before = this.heard(handle)?.packets ?? 0;
		return until(`${this.handle} to hear ${handle}`, () => {
			const now = this.heard(handle);
			return now && now.packets >= before + more && now;
		});
	}

	/** Leaves in order. */
	async leave() {
		this.child.stdin.end();
		await this.gone;
	}

	close() {
		this.child.kill('SIGKILL');
	}

	evidence(folder) {
		save(folder, `peer-${this.handle}.jsonl`, this.lines.map((line) => JSON.stringify(line)).join('\n') + this.errors);
	}
}
