// A disk that is full while a talk is recorded: the recording stops and says so, the talk goes on, and what was stored is kept.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { says } from '../lib/access.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, own } from '../members/scene.mjs';
import { commands, ready } from './scene.mjs';
import { Speakers } from './sound.mjs';

const ADA_HZ = 620;
/** How large the disk is, and how much of it is left when it is full; a recording stops below 64 MiB. */
const [DISK, LEFT] = [320 << 20, 48 << 20];

export async function full(group) {
	const folder = group.folder();
	const disk = join(folder, 'disk');
	mkdirSync(disk);
	if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk], { stdio: 'ignore' }).status !== 0) {
		return group.skip('a full disk', 'needs to mount a file system (root and unshare)');
	}
	group.use({ close: () => spawnSync('umount', ['--lazy', disk]) });
	const server = group.use(await Server.start(disk));
	const ada = await own(server, 'ada', 'Ada Oyelaran');
	const client = await server.member('ben', 'Ben Whitlock');
	const room = await ada.openRoom('How much room there is');
	const socket = group.use(await ada.enter(room));
	const speakers = group.use(new Speakers(server.url, room, [{ client: ada, parts: [[0, 120, ADA_HZ]] }]));
	await speakers.are('publishing');
	speakers.begin();
	const ben = await browserOf(group, server, 'ben', { client });
	await ben.enter(room);
	const heard = { handle: 'ada', hz: ADA_HZ, number: socket.snapshot.you.number };
	const filler = join(disk, 'filler');
	let replay;

	await group.step('a talk is recorded', async () => {
		await commands(socket, { type: 'set_recording', to: 'members' });
		const { recording } = (await until('the recording', () => socket.events().find(({ event }) => event.type === 'recording_begun'))).event;
		replay = recording.replay;
		await commands(socket, { type: 'consent_recording', replay, text: recording.text, agree: true });
		await ben.shows('recording-mark');
		await ben.hears(heard);
		// At least two seconds of it: packets are of 20 ms or longer.
		const packets = async () => (await ben.slots()).reduce((sum, slot) => sum + slot.packets, 0);
		const before = await packets();
		await until('two seconds more to be heard', async () => (await packets()) >= before + 100);
	});

	await group.step('the disk fills up: the recording stops and everybody is told why, and the talk goes on', async () => {
		const { bavail, bsize } = statfsSync(disk);
		writeFileSync(filler, Buffer.alloc(bavail * bsize - LEFT, 1));
		await ben.shows('recording-lost');
		equal(await ben.attribute('recording-lost', 'data-cause'), 'disk_full', 'why it has stopped');
		await says(ben, 'no room left on the server');
		await ben.misses('recording-mark');
		await seen(ben, 'recording stopped for lack of room');
		await ben.hears(heard);
		await commands(socket, { type: 'describe', title: 'How much room there was', topics: [], language: 'en' });
	});

	await group.step('what was stored before is a replay, once there is room to make it', async () => {
		rmSync(filler);
		await commands(socket, { type: 'end' });
		const { ms, speakers } = await ready(ada, replay);
		check(ms > 1_000, `it is ${ms} ms long`);
		equal(speakers.map(({ name }) => name), ['Ada Oyelaran'], 'who is in it');
	});
}
