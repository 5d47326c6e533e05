// What losses do to a voice: a relay of our own between each of two Chromiums and the server loses datagrams in one
// direction, at random or in bursts; measured are the samples that the listener's browser makes up, and how the speech
// sounds (wideband PESQ). Everything else is as for anybody.
//
//   node tests/e2e/loss.mjs FILE.json [PICTURE.svg]         measures, and draws
//   node tests/e2e/loss.mjs --draw FILE.json PICTURE.svg    draws what was measured
//   ONLY="down/0.1/3 up/0.1" node tests/e2e/loss.mjs FILE.json    only these: direction, share lost, burst unless at random
//
// FILE.json is a list of { direction, loss, burst, concealed, score }: `up` is from the speaker to the server, `loss` and
// `concealed` are shares, `burst` is the mean number lost in a row or null for random loss.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { ChromiumPerson } from './lib/browser.mjs';
import { pause, ROOT, until } from './lib/harness.mjs';
import { Relay } from './lib/relay.mjs';
import { Server } from './lib/server.mjs';
import { record, RECORDED_RATE, SPEECH_SECONDS, writeSpeech } from './lib/speech.mjs';
import { wave } from './lib/tone.mjs';

const LOSSES = [0, 0.05, 0.1, 0.2, 0.3];
/** The mean number of datagrams that are lost in a row: null is at random. */
const BURSTS = [null, 3];
/** How long a datagram is under way on each of the two legs, in ms. */
const DELAY = 15;
/** Time to find losses out and adapt, in ms: receivers report every five seconds. */
const ADAPTING = 12_000;
/** How often the speech is heard as a whole in each condition. */
const TIMES = 2;
/** What a recording may lack at its ends, in seconds: it is taken in pieces of one. */
const RECORDER = 3;

process.env.ROOMTONE_BIN ??= join(ROOT, 'target/release/roomtone');
process.env.CROWD_BIN ??= join(ROOT, 'target/release/crowd');

const open = [];
const use = (resource) => (open.push(resource), resource);

async function closeAll() {
	await Promise.allSettled(open.splice(0).reverse().map((resource) => resource.close()));
}

async function measure(folder) {
	try {
		const speech = join(folder, 'speech.wav');
		writeSpeech(speech);
		const server = use(await Server.start(folder));
		const relays = { up: use(await Relay.lay(server, { tcp: false, seed: 1 })), down: use(await Relay.lay(server, { tcp: false, seed: 2 })) };
		const speaker = use(await ChromiumPerson.launch('ada', null, folder, { sound: speech }));
		const listener = use(await ChromiumPerson.launch('ben', null, folder));
		await relays.up.lead(speaker);
		await relays.down.lead(listener);
		for (const relay of Object.values(relays)) await relay.order({ delay_ms: DELAY });
		await speaker.join(server.site, await server.invite());
		const room = await speaker.startRoom('Losses');
		await speaker.microphone(true);
		await listener.join(server.site, await server.invite());
		await listener.enter(room);
		const { index } = await until('the speaker to be heard', () => listener.slotOf(speaker.number));
		const results = [];
		const recordings = [];
		for (const { direction, loss, burst } of conditions()) {
			for (const [way, relay] of Object.entries(relays)) {
				const here = way === direction ? { loss, ...(burst && { burst }) } : { loss: 0 };
				await relay.order({ [way]: here });
			}
			await pause(ADAPTING);
			const before = (await listener.slots())[index];
			const heard = await record(listener, index, SPEECH_SECONDS * (TIMES + 1) + RECORDER);
			const after = (await listener.slots())[index];
			const concealed = (after.concealed - before.concealed) / (after.samples - before.samples);
			const file = join(folder, `${results.length}.wav`);
			writeFileSync(file, wave(RECORDED_RATE, heard));
			recordings.push(file);
			results.push({ direction, loss, burst, concealed: Number(concealed.toFixed(4)) });
			console.log(`${direction.padEnd(4)} ${100 * loss} % ${burst ? `in bursts of ${burst}` : 'at random'}: ${(100 * concealed).toFixed(2)} % made up`);
		}
		const python = join(ROOT, 'tests/e2e/.venv/bin/python');
		const scores = JSON.parse(execFileSync(python, [join(ROOT, 'tests/e2e/players/score.py'), speech, ...recordings]));
		return results.map((result, i) => ({ ...result, score: scores[i] }));
	} finally {
		await closeAll();
	}
}

/** Without losses there is nothing to be lost in bursts. */
function conditions() {
	const all = ['down', 'up'].flatMap((direction) =>
		BURSTS.flatMap((burst) => LOSSES.filter((loss) => loss > 0 || burst === null).map((loss) => ({ direction, loss, burst })))
	);
	const only = process.env.ONLY?.split(/\s+/).filter(Boolean);
	const chosen = all.filter(({ direction, loss, burst }) => !only || only.includes([direction, loss, ...(burst ? [burst] : [])].join('/')));
	if (chosen.length < (only?.length ?? 0)) throw new Error(`ONLY names what is not measured: ${process.env.ONLY}`);
	return chosen;
}

/** A table for docs/PERFORMANCE.md. */
function table(results) {
	const head = ['| lost | to the listener: made up | PESQ | from the speaker: made up | PESQ |', '|---|---|---|---|---|'];
	const rows = BURSTS.flatMap((burst) => LOSSES.filter((loss) => loss > 0 || burst === null).map((loss) => ({ loss, burst })));
	const cell = (direction, { loss, burst }) => {
		const found = results.find((one) => one.direction === direction && one.loss === loss && one.burst === burst);
		return found ? `${(100 * found.concealed).toFixed(1)} % | ${found.score.toFixed(2)}` : '|';
	};
	const name = ({ loss, burst }) => (loss === 0 ? 'nothing' : `${100 * loss} %, ${burst ? `in bursts of ${burst}` : 'at random'}`);
	return [...head, ...rows.map((row) => `| ${name(row)} | ${cell('down', row)} | ${cell('up', row)} |`)].join('\n');
}

/** Two charts side by side, as SVG that is read on light and on dark pages. */
function draw(results) {
	const [width, height, left, top] = [340, 220, 46, 40];
	const lines = [
		{ direction: 'down', burst: null, color: '#2a78d6', dash: '', name: 'to the listener, at random' },
		{ direction: 'up', burst: null, color: '#c2410c', dash: '', name: 'from the speaker, at random' },
		{ direction: 'down', burst: BURSTS[1], color: '#2a78d6', dash: '5 4', name: `to the listener, bursts of ${BURSTS[1]}` },
		{ direction: 'up', burst: BURSTS[1], color: '#c2410c', dash: '5 4', name: `from the speaker, bursts of ${BURSTS[1]}` }
	];
	const of = ({ direction, burst }) =>
		results.filter((one) => one.direction === direction && (one.burst === burst || one.loss === 0)).sort((a, b) => a.loss - b.loss);
	const most = Math.max(0.1, ...results.map(({ concealed }) => Math.ceil(concealed * 20) / 20));
	const charts = [
		{ title: 'Samples made up, %', value: ({ concealed }) => concealed / most, ticks: [0, 0.5, 1].map((at) => [at, (100 * most * at).toFixed(1)]) },
		{ title: 'Speech quality (PESQ, wideband)', value: ({ score }) => (score - 1) / 3.64, ticks: [1, 2, 3, 4].map((score) => [(score - 1) / 3.64, String(score)]) }
	];
	const x = (loss) => left + (loss / LOSSES.at(-1)) * (width - left - 14);
	const y = (share) => top + (1 - share) * (height - top - 34);
	const text = (at, down, words, more = '') => `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${words}</text>`;
	const chart = ({ title, value, ticks }, n) =>
		[
			`<g transform="translate(${n * width},0)">`,
			text(left, 22, title, 'font-weight="600"'),
			...ticks.map(([at, words]) => `<path d="M${left} ${y(at).toFixed(1)}H${width - 14}" stroke="#d8d8d8"/>${text(left - 6, y(at) + 4, words, 'text-anchor="end"')}`),
			...LOSSES.map((loss) => text(x(loss), height - 18, `${100 * loss}`, 'text-anchor="middle"')),
			text((left + width) / 2, height - 2, 'datagrams lost, %', 'text-anchor="middle"'),
			...lines.flatMap((line) => {
				const points = of(line).map((one) => [x(one.loss), y(value(one))].map((place) => place.toFixed(1)));
				const path = `<path d="M${points.map((point) => point.join(' ')).join('L')}" fill="none" stroke="${line.color}" stroke-width="2" stroke-dasharray="${line.dash}"/>`;
				return [path, ...points.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3" fill="${line.color}"/>`)];
			}),
			'</g>'
		].join('\n');
	const legend = lines.map(({ color, dash, name }, n) => {
		const [at, down] = [left + (n % 2) * width, height + 18 + 18 * Math.floor(n / 2)];
		return `<path d="M${at} ${down - 4}h26" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>${text(at + 32, down, name)}`;
	});
	const size = [2 * width, height + 48];
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(' ')}" width="${size[0]}" height="${size[1]}" font-family="sans-serif" font-size="12" fill="#333">`,
		`<rect width="${size[0]}" height="${size[1]}" fill="#fff"/>`,
		...charts.map(chart),
		...legend,
		'</svg>',
		''
	].join('\n');
}

const [drawOnly, file, picture] = process.argv[2] === '--draw' ? [true, ...process.argv.slice(3)] : [false, ...process.argv.slice(2)];
if (!file) {
	console.error('usage: loss.mjs [--draw] FILE.json [PICTURE.svg]');
	process.exit(1);
}
// What is open is closed when it is stopped too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void closeAll().finally(() => process.exit(130)));
let results;
if (drawOnly) {
	results = JSON.parse(readFileSync(file, 'utf8'));
} else {
	const folder = mkdtempSync(join(tmpdir(), 'roomtone-loss-'));
	try {
		results = await measure(folder);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, `[\n${results.map((one) => `  ${JSON.stringify(one)}`).join(',\n')}\n]\n`);
}
console.log(table(results));
if (picture) writeFileSync(picture, draw(results));
