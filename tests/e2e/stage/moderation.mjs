// Moderation that can be looked at again: what is read out, the log of a room, a ban after leaving, an appeal, and the way
// back in; what cannot be done says why; a room is hidden; whoever has blocked somebody can still be reported.

import { says } from '../lib/access.mjs';
import { Client } from '../lib/api.mjs';
import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, own } from '../members/scene.mjs';

/** A note that is half gone has no contrast: nothing moves while pages are looked at. */
const STILL = { reducedMotion: 'reduce' };

export async function moderation(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const olga = await own(server);
	const clients = {};
	for (const [handle, name] of [['ada', 'Ada Oyelaran'], ['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['dita', 'Dita Králová']]) {
		clients[handle] = await server.member(handle, name);
	}
	const [ada, ben, chen] = [
		group.use(await ChromiumPerson.launch('ada', 440, folder, STILL)),
		group.use(await ChromiumPerson.launch('ben', 550, folder, STILL)),
		group.use(await ChromiumPerson.launch('chen', 660, folder, STILL))
	];
	// Last: a room that nobody comes to ends by itself.
	const room = await clients.ada.openRoom('Rust and other pastimes');
	for (const person of [ada, ben, chen]) {
		await person.signIn(server.site, clients[person.handle]);
		await person.enter(room);
	}
	const run = async (person = ada) => {
		await person.click('more-button');
		await person.click('open-run');
		await person.shows('run-sheet');
	};
	const log = () => ada.page.getByTestId('act').evaluateAll((acts) => acts.map(({ dataset }) => dataset.kind));

	await group.step('what happens is read out: a hand, a locked stage, reactions', async () => {
		await ben.raiseHand('May I ask something?');
		await says(ada, 'Ben raised a hand');
		await run();
		await ada.click('lock-stage');
		await says(chen, 'The stage is locked');
		await ada.dismiss();
		await chen.click('react-applause');
		await says(ada, 'clap');
	});

	await group.step('what cannot be done says why', async () => {
		await ada.click('hands-button');
		await ada.shows('hands-locked');
		check(await ada.page.getByTestId('hand-accept').isDisabled(), 'a hand could be taken on a locked stage');
		await seen(ada, 'moderation hands while locked');
		await ada.dismiss();
		await ada.click('person-chen');
		check(await ada.page.getByTestId('action-offer').isDisabled(), 'somebody could be asked on a locked stage');
		await seen(ada, 'moderation somebody while locked');
		await ada.dismiss();
		await run();
		await ada.click('lock-stage');
		await ada.click('hands-off');
		await says(chen, 'Hands are off');
		equal(await chen.attribute('hand-button', 'aria-disabled'), 'true', 'the hand while hands are off');
		await chen.page.getByTestId('hand-button').click({ force: true });
		await says(chen, 'A moderator has switched hands off');
		await seen(chen, 'moderation hands are off');
		await ada.click('hands-everyone');
		await ada.dismiss();
	});

	await group.step('a moderator bans who has left; the others are told, and the log has every act with its reason', async () => {
		await ada.act('chen', 'offer');
		await chen.click('offer-accept');
		await ada.waitSees('chen', { role: 'speaker' });
		await ada.act('chen', 'make-moderator');
		await chen.waitSees('chen', { role: 'moderator' });
		await ben.click('leave-button');
		await chen.misses('person-ben');
		await run(chen);
		await chen.click('run-gone');
		await chen.click('gone-ban-ben');
		await chen.fill('ban-reason', 'Shouting over everybody');
		await chen.click('ban-sure');
		await chen.shows('let-in-ben');
		await says(ada, 'Ben was banned');
		await chen.dismiss();
		await run();
		await ada.click('run-log');
		await until('the log', async () => (await log())[0] === 'banned');
		equal(await log(), ['banned', 'moderator_made', 'hands_ruled', 'hands_ruled', 'stage_unlocked', 'stage_locked'], 'the log');
		check((await ada.page.getByTestId('room-log').textContent()).includes('Shouting over everybody'), 'the reason is missing');
		await seen(ada, 'moderation log');
		await ada.dismiss();
		equal((await clients.dita.request('GET', `/api/rooms/${room}/acts`)).code, 'room_not_found', 'the log for a member');
	});

	await group.step('whoever was banned is told so, cannot come in, and appeals', async () => {
		await ben.goto(`${server.site}/room/${room}`);
		await ben.shows('room-over');
		equal(await ben.attribute('room-over', 'data-code'), 'banned', 'what the page says');
		await seen(ben, 'moderation banned');
		await ben.goto(`${server.site}/inbox`);
		const notice = ben.page.locator('[data-testid=notice][data-kind=moderated] a');
		await notice.waitFor();
		await seen(ben, 'moderation inbox');
		await notice.click();
		await ben.shows('own-act');
		await seen(ben, 'moderation acts on me');
		await ben.click('appeal');
		await ben.fill('appeal-text', 'My line was bad, and I did not hear anybody.');
		await seen(ben, 'moderation appeal');
		await ben.click('appeal-send');
		await until('the appeal to be open', async () => (await ben.attribute('own-appeal', 'data-state')) === 'open');
		equal(await ben.page.getByTestId('appeal').count(), 0, 'second appeals');
	});

	await group.step('the host is told of it, lifts the ban with an answer, and it is in the log', async () => {
		// Through the pages, so that the host stays in the room.
		await ada.page.locator('a[href="/inbox"]').first().click();
		const notice = ada.page.locator('[data-testid=notice][data-kind=appeal_made] a');
		await notice.waitFor();
		await notice.click();
		await ada.shows('open-appeal');
		await ada.fill('appeal-answer', 'Sorry. Do come back.');
		await seen(ada, 'moderation appeal to decide');
		await ada.click('appeal-lift');
		await ada.misses('open-appeal');
		await ada.click('appeals-closed');
		await until('the decision', async () => (await ada.attribute('open-appeal', 'data-state')) === 'lifted');
		await seen(ada, 'moderation appeal decided');
		await ada.click('player-open');
		await run();
		await ada.click('run-log');
		await until('the lifted ban in the log', async () => (await log())[0] === 'unbanned');
		await ada.dismiss();
	});

	await group.step('they read the answer and are back in the room', async () => {
		await ben.goto(`${server.site}/me/acts`);
		await until('the decision', async () => (await ben.attribute('own-appeal', 'data-state')) === 'lifted');
		check((await ben.page.getByTestId('own-appeal').textContent()).includes('Do come back'), 'the answer is missing');
		await ben.goto(`${server.site}/inbox`);
		await ben.page.locator('[data-testid=notice][data-kind=appeal_decided]').waitFor();
		await ben.enter(room);
		await ada.waitSees('ben', { role: 'listener' });
	});

	await group.step('whoever blocks somebody and is gone can still be reported from the room', async () => {
		await clients.chen.must('PUT', '/api/members/ben/block');
		await ben.shows('room-over');
		await ben.click('over-report');
		await seen(ben, 'moderation report somebody');
		await ben.fill('report-handle', '@chen');
		await ben.click('report-next');
		await ben.click('report-abuse');
		await ben.fill('report-text', 'Insulted me, and then blocked me.');
		await ben.click('report-send');
		await says(ben, 'Thank you. The people who run this place will read it');
		const { items } = (await olga.must('GET', '/api/admin/reports?open=true')).body;
		equal(items.map(({ about }) => about.handle), ['chen'], 'who was reported');
	});

	await group.step('a room is hidden from the own hallway, and put back', async () => {
		const dita = await browserOf(group, server, 'dita', { client: clients.dita });
		await dita.goto(`${server.site}/`);
		await dita.click('room-card-more');
		await seen(dita, 'moderation menu of a room');
		await dita.click('room-hide');
		await dita.misses('room-card');
		await says(dita, 'is hidden from your hallway');
		await seen(dita, 'moderation hidden room');
		await dita.page.reload();
		await until('the hallway', () => dita.evaluate(() => document.body.textContent.includes('Quiet just now') || document.querySelector('.empty') !== null));
		equal(await dita.page.getByTestId('room-card').count(), 0, 'rooms in the hallway');
		await dita.enter(room);
		await clients.dita.must('DELETE', `/api/rooms/${room}/hidden`);
		await dita.goto(`${server.site}/`);
		await dita.shows('room-card');
		await dita.click('room-card-more');
		await dita.click('room-hide');
		await dita.click('note-act');
		await dita.shows('room-card');
	});

	await group.step('after its end the log is for those who ran the room, and for those who run the place', async () => {
		await clients.ada.must('GET', `/api/rooms/${room}/acts`);
		await ada.click('more-button');
		await ada.click('end-room');
		await ada.click('end-room-confirm');
		await ada.shows('room-over');
		await ada.goto(`${server.site}/room/${room}/log`);
		await until('the end in the log', async () => (await log())[0] === 'room_ended');
		await seen(ada, 'moderation log afterwards');
		await olga.must('GET', `/api/rooms/${room}/acts`);
		equal((await clients.ben.request('GET', `/api/rooms/${room}/acts`)).code, 'room_not_found', 'the log for a listener');
		equal((await new Client(server.url).request('GET', `/api/rooms/${room}/acts`)).status, 401, 'the log for nobody');
	});
}
