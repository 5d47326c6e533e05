// How long it takes from pressing a room's card in the hallway to hearing somebody, in a real Chromium on this machine:
// control socket, offer and answer, ICE, DTLS, first packet, jitter buffer, first sample played.
//
//   node tests/e2e/bench.mjs FILE.json [TIMES]

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import { ChromiumPerson } from './lib/browser.mjs';
import { ROOT, until } from './lib/harness.mjs';
import { Server } from './lib/server.mjs';

process.env.ROOMTONE_BIN ??= join(ROOT, 'target/release/roomtone');
const file = process.argv[2];
const times = Number(process.argv[3] ?? 40);
if (!file || !Number.isInteger(times) || times < 1) {
	console.error('usage: bench.mjs FILE.json [TIMES]');
	process.exit(1);
}

/** Presses the card and watches; times are milliseconds since the press. Runs in the page. */
function enterAndListen() {
	return new Promise((resolve, reject) => {
		const pressed = performance.now();
		const found = {};
		const since = () => performance.now() - pressed;
		document.querySelector('[data-testid=room-card]').click();
		const look = () => {
			const connection = window.__probe.listening();
			if (connection) {
				if (connection.connectionState === 'connected') found.connected ??= since();
				// Told once a packet of this source has been played.
				if (connection.getReceivers().some((receiver) => receiver.getContributingSources().length > 0)) {
					return resolve({ ...found, sound: since() });
				}
			}
			if (since() > 20_000) return reject(new Error('no sound within 20 s'));
			// As often as the page allows, without keeping it from working.
			setTimeout(look, 1);
		};
		look();
	});
}

function percentile(sorted, share) {
	return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

const folder = mkdtempSync(join(tmpdir(), 'roomtone-bench-'));
const server = await Server.start(folder);
let host, listener;
try {
	host = await ChromiumPerson.launch('ada', 440, folder);
	await host.join(server.site, await server.invite());
	await host.startRoom('Measured');
	await host.microphone(true);
	listener = await ChromiumPerson.launch('ben', 660, folder);
	await listener.join(server.site, await server.invite());
	const samples = [];
	for (let i = 0; i < times; i++) {
		await listener.goto(`${server.site}/`);
		await until('the room in the hallway', () => listener.page.getByTestId('room-card').first().isVisible());
		samples.push(await listener.evaluate(enterAndListen));
		await listener.click('leave-button');
		await until('the room to be left', async () => (await listener.evaluate(() => window.__roomtone.listen)) === null);
	}
	const figures = (key) => {
		const sorted = samples.map((sample) => sample[key] ?? sample.sound).sort((a, b) => a - b);
		return { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), max: sorted.at(-1) };
	};
	const report = {
		scenario: 'browser-entry',
		times,
		connected_ms: figures('connected'),
		first_sound_ms: figures('sound'),
		browser: listener.browser.version(),
		commit: execFileSync('git', ['-C', ROOT, 'describe', '--always', '--dirty=+changes', '--abbrev=12']).toString().trim()
	};
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
	for (const [name, { p50, p95, max }] of [
		['connected', report.connected_ms],
		['first sound', report.first_sound_ms]
	]) {
		console.log(`${name.padEnd(12)} p50 ${p50.toFixed(0)} ms  p95 ${p95.toFixed(0)} ms  max ${max.toFixed(0)} ms`);
	}
} finally {
	await host?.close();
	await listener?.close();
	await server.close();
	rmSync(folder, { recursive: true, force: true });
}
