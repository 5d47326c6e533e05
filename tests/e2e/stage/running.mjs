// Running a room: the queue of hands, the locked stage, bans that hold, moderators, and what is set for everybody.

import { ChromiumPerson } from '../lib/browser.mjs';
import { equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';

export async function running(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const start = async (handle, hz) => group.use(await ChromiumPerson.launch(handle, hz, folder, { reducedMotion: 'reduce' }));
	const [ada, ben, chen] = [await start('ada', 440), await start('ben', 550), await start('chen', 660)];
	const look = (person, what) => seen(person, `running ${what}`);
	const queue = () =>
		ada.evaluate(() =>
			[...document.querySelectorAll('[data-testid^="hand-of-"]')].map(({ dataset }) => dataset.testid.slice('hand-of-'.length)).join(' ')
		);
	const inQueue = (wanted) => until(`the queue to be ${wanted}`, async () => (await queue()) === wanted);
	const run = async () => {
		await ada.click('more-button');
		await ada.click('open-run');
		await ada.shows('run-sheet');
	};
	let room;

	await group.step('two hands, moved by keyboard; one is accepted', async () => {
		await ada.join(server.site, await server.invite(), 'Ada');
		room = await ada.startRoom('Running a room');
		for (const one of [ben, chen]) {
			await one.join(server.site, await server.invite(), one.handle);
			await one.enter(room);
			await one.raiseHand(`A question of ${one.handle}`);
		}
		await until('both hands', async () => (await ada.attribute('hands-button', 'data-count')) === '2');
		await ada.click('hands-button');
		await inQueue('ben chen');
		await ada.page.getByTestId('hand-of-chen').getByTestId('hand-top').focus();
		await ada.press('Enter');
		await inQueue('chen ben');
		await ada.page.getByTestId('hand-of-chen').getByTestId('hand-down').click();
		await inQueue('ben chen');
		await look(ada, 'hands');
		await ada.page.getByTestId('hand-of-chen').getByTestId('hand-accept').click();
		await inQueue('ben');
		await ada.dismiss();
		await ada.waitSees('chen', { role: 'speaker' });
	});

	await group.step('the stage is locked, and hands are switched off', async () => {
		await run();
		await look(ada, 'run');
		await ada.click('lock-stage');
		await ada.click('hands-off');
		await until('the lock', async () => {
			const { stage_locked, hands } = await ben.evaluate(() => window.__roomtone.room.settings);
			return stage_locked && hands === 'off';
		});
		await ada.click('lock-stage');
		await ada.click('hands-everyone');
		await ada.dismiss();
	});

	await group.step('a moderator is made, leads the interview, and is none again', async () => {
		await ada.act('chen', 'make-moderator');
		await ada.waitSees('chen', { role: 'moderator' });
		await ada.act('chen', 'lead');
		await until('who leads', () => chen.evaluate(() => window.__roomtone.room.settings.floor === window.__roomtone.room.you.person.id));
		await ada.act('chen', 'take-moderator');
		await ada.waitSees('chen', { role: 'speaker' });
	});

	await group.step('who has left is banned, cannot come back, and is let in again', async () => {
		await ben.click('leave-button');
		await ada.misses('person-ben');
		await run();
		await ada.click('run-gone');
		await look(ada, 'people who were here');
		await ada.click('gone-ban-ben');
		await ada.fill('ban-reason', 'Shouting');
		await look(ada, 'ban');
		await ada.click('ban-sure');
		await ada.shows('let-in-ben');
		await look(ada, 'bans');
		await ben.goto(`${server.site}/room/${room}`);
		await ben.shows('room-over');
		equal(await ben.attribute('room-over', 'data-code'), 'banned', 'what the page says');
		await look(ben, 'banned');
		// The list is the server's: it outlives this page.
		await ada.page.reload();
		await ada.entered();
		await run();
		await ada.click('run-bans');
		await ada.click('let-in-ben');
		await ada.misses('let-in-ben');
		await ada.dismiss();
		await ben.enter(room);
		await ada.shows('person-ben');
	});

	await group.step('who left before the page was opened is found by name, banned, and let in again', async () => {
		await ben.click('leave-button');
		await ada.misses('person-ben');
		await ada.page.reload();
		await ada.entered();
		await run();
		await ada.click('run-gone');
		await ada.shows('gone-find');
		await ada.misses('gone-ban-ben');
		await ada.fill('gone-find', 'ben');
		await ada.shows('gone-ban-ben');
		await look(ada, 'people found to be banned');
		await ada.click('gone-ban-ben');
		await ada.click('ban-sure');
		await ada.click('let-in-ben');
		await ada.misses('let-in-ben');
		await ada.dismiss();
		await ben.enter(room);
		await ada.shows('person-ben');
	});

	await group.step('who is banned while they are there is put out', async () => {
		await ada.click('person-ben');
		await look(ada, 'person');
		await ada.click('action-ban');
		await ada.click('ban-sure');
		await ben.shows('room-over');
		equal(await ben.attribute('room-over', 'data-code'), 'banned', 'what the page says');
	});
}
