// Screenshots of the hallway, a room and the join page, at two sizes and in both themes. SCREENSHOTS=1 puts them into
// docs/images, where the documents show them; else they are kept with the results.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { ChromiumPerson } from '../lib/browser.mjs';
import { check, RESULTS, ROOT, until } from '../lib/harness.mjs';
import { Peer } from '../lib/peer.mjs';
import { Server } from '../lib/server.mjs';
import { welcome } from './bots.mjs';

const FOLDER = process.env.SCREENSHOTS ? join(ROOT, 'docs/images') : join(RESULTS, 'images');
const SIZES = { 390: { width: 390, height: 844 }, 1280: { width: 1280, height: 860 } };
/** Who looks, one for each size and theme. */
const VIEWERS = ['vera', 'veralind', 'vera_l', 'vlind'];
const CAST = [
	['ada', 'Ada Oyelaran'],
	['ben', 'Ben Whitlock'],
	['chen', 'Chen Li'],
	['dita', 'Dita Králová'],
	['emeka', 'Emeka Obi'],
	['faina', 'Фаина Соколова'],
	['gleb', 'Глеб Орлов'],
	['hana', 'Hana Sato'],
	['ines', 'Inês Duarte'],
	['jonas', 'Jonas Berg']
];

export async function pictures(group) {
	mkdirSync(FOLDER, { recursive: true });
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const members = {};
	for (const [handle, name] of CAST) members[handle] = await server.member(handle, name, /[а-я]/i.test(name) ? 'ru' : 'en');

	// An older room, to stand second in the hallway.
	const evening = await members.faina.openRoom('Вечер вслух', { language: 'ru' });
	group.use(await members.faina.enter(evening));
	group.use(await members.gleb.enter(evening));

	// The room in the pictures: Ada is host, Ben and Chen talk, Dita has a question, the others listen.
	const room = await members.ada.openRoom('Rust and other pastimes');
	const host = group.use(await members.ada.enter(room));
	const accepted = welcome(host);
	const talkers = [];
	for (const handle of ['ben', 'chen']) {
		const talker = group.use(new Peer(members[handle], room, { talk: true, deaf: true }));
		await talker.said('talking');
		talkers.push(talker);
	}
	check(accepted.size === talkers.length, 'the talkers were not let on stage');
	for (const handle of ['dita', 'emeka', 'hana', 'ines', 'jonas']) group.use(await members[handle].enter(room));

	for (const theme of ['light', 'dark']) {
		for (const [size, viewport] of Object.entries(SIZES)) {
			await group.step(`hallway, room and join page, ${theme}, ${size} px`, async () => {
				const handle = VIEWERS.shift();
				const viewer = await ChromiumPerson.launch(handle, 330, folder, { viewport, colorScheme: theme });
				try {
					const shoot = (what) => viewer.screenshot(join(FOLDER, `${what}-${size}-${theme}.png`));
					const code = await server.invite();
					await viewer.goto(`${server.site}/join/${code}`);
					await viewer.fill('join-name', 'Vera Lind');
					await viewer.fill('join-handle', handle);
					await shoot('join');
					await viewer.join(server.site, code, 'Vera Lind');
					await viewer.goto(`${server.site}/`);
					await until('the rooms', async () => (await viewer.page.getByTestId('room-card').count()) >= 2);
					await shoot('hallway');
					await viewer.enter(room);
					await viewer.hears({ handle: 'ben', number: talkers[0].lines[0].number, hz: null });
					await viewer.waitSees('ben', { speaking: true });
					await shoot('room');
					// The next one is to meet the same people, not the shadow of this one.
					await viewer.click('leave-button');
					await until('the viewer to have left', async () => {
						const { participants } = (await members.ada.must('GET', `/api/rooms/${room}/roster`)).body;
						return participants.every(({ person }) => person.handle !== handle);
					});
				} catch (error) {
					await viewer.evidence(RESULTS);
					throw error;
				} finally {
					await viewer.close();
				}
			});
		}
	}
}
