// What sound there is, as other programs find it (listen.py), and people who talk without a browser (players/speaker.py).

import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { check, ROOT, save, until } from '../lib/harness.mjs';
import { PYTHON } from '../invitations/scene.mjs';

const script = (path) => join(ROOT, 'tests/e2e', path);
const LISTENER = script('replays/listen.py');

async function listens(...args) {
	const { stdout } = await promisify(execFile)(PYTHON, [LISTENER, ...args.map(String)], { maxBuffer: 1 << 24 });
	return JSON.parse(stdout);
}

/** Everything under a folder that can be heard, whatever it is called, and for how many seconds each pitch stands out in it. */
export const inFolder = (folder, pitches) => listens('folder', folder, ...pitches);

/** The seconds `from` to `to` of a file, reached by seeking. */
export const inFile = (file, from, to, pitches) => listens('file', file, from, to, ...pitches);

/** In which of these files a pitch stands out in any second: their paths, as text. */
export const heardIn = (files, hz) =>
	files
		.filter(({ tones }) => tones[hz] > 0)
		.map(({ path }) => path)
		.join(', ');

/** Members on stage who talk by a script; see players/speaker.py. */
export class Speakers {
	lines = [];
	errors = '';

	constructor(url, room, parts) {
		const say = parts.map(({ client, parts }) => ({ token: client.token, parts }));
		this.child = spawn(PYTHON, [script('players/speaker.py'), url, room, JSON.stringify(say)], { stdio: ['pipe', 'pipe', 'pipe'] });
		createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line).event));
		this.child.stderr.on('data', (chunk) => (this.errors += chunk));
		this.child.stdin.on('error', () => {});
	}

	/** Waits until they are so far: `publishing`, `over`. */
	async are(event) {
		await until(
			`the speakers to be ${event}`,
			() => {
				check(this.child.exitCode === null || this.lines.includes(event), `the speakers ended: ${this.errors}`);
				return this.lines.includes(event);
			},
			{ patience: 90_000 }
		);
	}

	/** The script begins now. */
	begin() {
		this.child.stdin.write('\n');
	}

	close() {
		this.child.kill('SIGKILL');
	}

	evidence(folder) {
		save(folder, 'speakers.txt', `${this.lines.join('\n')}\n${this.errors}`);
	}
}
