// Who wants to hear of an event is told of each change once, also when the server is killed while it tells them.

import { execFile, execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Client } from '../lib/api.mjs';
import { check, equal, program, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { DAY, HOUR, PYTHON, told } from './scene.mjs';

/** Those who subscribe: more than three pages of a hundred, in which the server tells them. */
const MANY = 320;
/** People who do something at the same time. */
const AT_ONCE = 8;
/** How often the server is killed at most, until it was in the midst of telling. */
const TRIES = 20;

/** Does something for each of many, some at a time. */
async function each(all, act) {
	const left = [...all.entries()].reverse();
	const take = async () => {
		for (let next = left.pop(); next; next = left.pop()) await act(next[1], next[0]);
	};
	await Promise.all(Array.from({ length: AT_ONCE }, take));
}

/** The notices of changes that the database of a server has which does not run. It is read from a copy. */
function kept(server, folder) {
	const copy = join(folder, 'copy');
	cpSync(server.data, copy, { recursive: true });
	const count = `import sqlite3; print(sqlite3.connect(${JSON.stringify(join(copy, 'roomtone.db'))}).execute("SELECT count(*) FROM notifications WHERE kind = 'event_changed'").fetchone()[0])`;
	return Number(execFileSync(PYTHON, ['-c', count], { encoding: 'utf8' }));
}

export async function once(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const ada = await server.member('ada', 'Ada Oyelaran');
	const subscribers = [];
	const { id: event } = (await ada.must('POST', '/api/events', { json: { title: 'The long talk' } })).body;
	const changes = [];
	let at = Date.now() + 3 * DAY;
	const changed = async () => {
		at += HOUR;
		await ada.must('POST', `/api/events/${event}/date`, { json: { starts_at: at } });
		changes.push(changes.length === 0 ? 'dated' : 'moved');
	};
	const everybodyOnce = () =>
		each(subscribers, async (client) => {
			await until(`${client.me.handle} to be told`, async () => (await told(client, event)).length >= changes.length);
			equal(await told(client, event), changes, `what ${client.me.handle} was told`);
		});

	await group.step(`${MANY} people want to be told, and are, once each`, async () => {
		const { stdout } = await promisify(execFile)(program('roomtone', 'ROOMTONE_BIN'), ['invite', '--data', server.data, '--count', String(MANY)]);
		await each(stdout.trim().split('\n'), async (link, n) => {
			const client = await new Client(server.url).redeem(link.split('/').pop(), `listener_${n}`, `Listener ${n}`);
			await client.must('PUT', `/api/events/${event}/subscription`, { json: { going: false } });
			subscribers.push(client);
		});
		// In the order in which they are told.
		subscribers.sort((one, other) => (one.me.id < other.me.id ? -1 : 1));
		await changed();
		await everybodyOnce();
	});

	await group.step('the server is killed when some of them have been told: each is told once, and nobody is forgotten', async () => {
		let between = false;
		for (let n = 0; n < TRIES && !between; n++) {
			const before = changes.length * MANY;
			await changed();
			await until('the first to be told', async () => (await told(subscribers[0], event)).length === changes.length, { every: 1 });
			await server.kill();
			const now = kept(server, folder) - before;
			between = now > 0 && now < MANY;
			console.log(`        killed when ${now} of ${MANY} had been told`);
			await server.restart();
			await everybodyOnce();
		}
		check(between, `in ${TRIES} attempts the server was never killed between the first and the last`);
	});
}
