// Players that are neither a browser nor of our own making: a WHEP player on aiortc, once with each SRTP profile that
// the listen leg seals. It has no control socket, so it is in the room for as long as its leg lives.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { check, equal, ROOT, until } from '../lib/harness.mjs';
import { Peer } from '../lib/peer.mjs';
import { Server } from '../lib/server.mjs';
import { welcome } from './bots.mjs';

const PYTHON = join(ROOT, 'tests/e2e/.venv/bin/python');
const PROFILES = ['SRTP_AEAD_AES_256_GCM', 'SRTP_AEAD_AES_128_GCM', 'SRTP_AES128_CM_SHA1_80'];

export async function players(group) {
	if (!existsSync(PYTHON)) return group.skip('aiortc listens', `${PYTHON} is missing (scripts/setup.sh test makes it)`);
	const server = group.use(await Server.start(group.folder()));
	const ada = await server.member('ada');
	const room = await ada.openRoom('Players');
	const host = group.use(await ada.enter(room));
	const accepted = welcome(host);
	const talker = group.use(new Peer(await server.member('crowd_talker'), room, { talk: true, deaf: true }));
	await talker.said('talking');
	check(accepted.size === 1, 'the talker was not let on stage');
	for (const profile of PROFILES) {
		await group.step(`aiortc hears, sealed with ${profile}`, async () => {
			const member = await server.member(profile.toLowerCase().slice(0, 30));
			const { stdout } = await promisify(execFile)(
				PYTHON,
				[join(ROOT, 'tests/e2e/players/player.py'), server.url, room, member.token, profile],
				{ timeout: 120_000 }
			);
			const heard = JSON.parse(stdout);
			check(heard.packets >= 90 && heard.loudness > 20, `too little was heard: ${stdout}`);
			equal(heard.lost, 0, 'packets lost');
			await until('the player to be out of the room', async () => (await ada.must('GET', `/api/rooms/${room}`)).body.listening === 0);
		});
	}
}
