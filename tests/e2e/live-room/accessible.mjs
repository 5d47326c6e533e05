// Guarantee G7: pages without faults that a machine can find, in both themes; everything by keyboard; changes are said.

import { faultless, hasFocus, press, ROUND, says, sheetFaultless, tabTo } from '../lib/access.mjs';
import { ChromiumPerson } from '../lib/browser.mjs';
import { equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';

const QUESTION = 'How does it read?';

async function joinByKeys(person, server, name) {
	await person.goto(`${server.site}/join/${await server.invite()}`);
	await person.page.getByTestId('join-name').waitFor();
	await tabTo(person, 'join-name');
	await person.page.keyboard.type(name);
	await tabTo(person, 'join-handle');
	await person.press('Control+a');
	await person.page.keyboard.type(person.handle);
	await press(person, 'join-submit');
	await press(person, 'passkey-later');
	await until('the hallway', () => person.evaluate(() => location.pathname === '/'));
}

export async function accessible(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const desk = { viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce' };
	const phone = { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' };
	const host = group.use(await ChromiumPerson.launch('helen', 440, folder, desk));
	const guest = group.use(await ChromiumPerson.launch('gus', 660, folder, phone));
	const title = 'Without a mouse';
	let room;

	await group.step('by keyboard alone: join, start a room, open the microphone', async () => {
		await joinByKeys(host, server, 'Helen');
		await press(host, 'start-room');
		await host.page.getByRole('dialog').waitFor();
		await host.press('Escape');
		await hasFocus(host, 'start-room');
		await host.press('Enter');
		await host.page.getByRole('dialog').waitFor();
		await tabTo(host, 'room-title-input');
		await host.page.keyboard.type(title);
		await press(host, 'room-create', ' ');
		await host.entered();
		room = await host.evaluate(() => location.pathname.split('/').pop());
		await press(host, 'mic-button', ' ');
		await host.publishes();
	});

	await group.step('by keyboard alone: come in by the hallway, raise a hand with a question', async () => {
		await joinByKeys(guest, server, 'Gus');
		await press(guest, 'room-card');
		await guest.entered();
		await guest.hears(host);
		await press(guest, 'hand-button');
		await guest.page.getByRole('dialog').waitFor();
		await tabTo(guest, 'hand-question');
		await guest.page.keyboard.type(QUESTION);
		await press(guest, 'hand-send');
		await hasFocus(guest, 'hand-button');
	});

	await group.step('by keyboard alone: accept the hand; the focus returns, and all of it is said', async () => {
		await says(host, 'Gus raised a hand');
		await press(host, 'hands-button');
		await press(host, 'hand-accept');
		await host.press('Escape');
		await hasFocus(host, 'hands-button');
		await says(guest, 'Helen brought you on stage');
		// The button that had the focus has become the microphone's.
		await hasFocus(guest, 'mic-button');
		await guest.press(' ');
		await guest.publishes();
		await host.hears(guest);
	});

	await group.step('by keyboard alone: mute, move to the audience, invite again; each is said', async () => {
		for (const [action, words] of [
			['mute', 'Helen muted you'],
			['move', 'Helen moved you to the audience'],
			['offer', 'Helen invites you to speak']
		]) {
			await press(host, 'person-gus');
			await press(host, `action-${action}`);
			await says(guest, words);
			if (action !== 'move') await hasFocus(host, 'person-gus');
		}
		await guest.page.getByRole('dialog').waitFor();
		// A key pressed at that moment answers nothing.
		await guest.press('Enter');
		await guest.press('Escape');
		await guest.page.getByRole('dialog', { name: 'Helen invites you to speak' }).waitFor();
	});

	await group.step('axe finds nothing wrong with the invitation to speak', async () => faultless(guest, 'invitation to speak'));

	await group.step('by keyboard alone: decline, come back on the arrow keys to another theme', async () => {
		await press(guest, 'offer-decline');
		await guest.page.getByRole('dialog').waitFor({ state: 'detached' });
		await press(guest, 'more-button');
		await guest.page.getByRole('dialog').waitFor();
		const onRadio = () => guest.evaluate(() => document.activeElement.type === 'radio');
		for (let i = 0; i < ROUND && !(await onRadio()); i++) await guest.press('Tab');
		await guest.press('ArrowRight');
		equal(await guest.evaluate(() => document.documentElement.dataset.theme), 'light', 'the theme after one arrow');
		await guest.press('ArrowLeft');
		await guest.press('Escape');
		await hasFocus(guest, 'more-button');
	});

	await group.step('axe finds nothing wrong with a room, as host and as listener, and its sheets', async () => {
		await faultless(guest, 'room as listener');
		await sheetFaultless(guest, 'hand-button', 'raising a hand');
		await sheetFaultless(guest, 'person-helen', 'a person, as listener');
		await guest.raiseHand(QUESTION);
		await until('the hand to show', async () => (await host.attribute('hands-button', 'data-count')) === '1');
		await faultless(host, 'room as host');
		await sheetFaultless(host, 'hands-button', 'raised hands');
		await sheetFaultless(host, 'person-gus', 'a person, as host');
		await sheetFaultless(host, 'more-button', 'what else there is');
		await guest.click('more-button');
		await guest.click('open-sound');
		await guest.click('sound-check');
		await faultless(guest, 'sound and devices');
		await guest.dismiss();
	});

	await group.step('axe finds nothing wrong with the other pages', async () => {
		await guest.click('room-minimise');
		await faultless(guest, 'hallway with the player');
		await sheetFaultless(guest, 'start-room', 'starting a room');
		await guest.click('my-page');
		await guest.page.getByTestId('sign-out').waitFor();
		await faultless(guest, 'the own page');
		await host.click('my-page');
		await host.page.getByTestId('sign-out').waitFor();
		await faultless(host, 'the own page on a desk');
		const newcomer = group.use(await ChromiumPerson.launch('nia', 330, folder, phone));
		await newcomer.goto(`${server.site}/`);
		await newcomer.page.getByRole('main').waitFor();
		await faultless(newcomer, 'the page of a stranger');
		const code = await server.invite();
		await newcomer.goto(`${server.site}/join/${code}`);
		await newcomer.fill('join-name', 'Nia');
		await newcomer.fill('join-handle', 'NO WAY');
		await faultless(newcomer, 'an invite');
		await newcomer.join(server.site, code, 'Nia');
		await newcomer.goto(`${server.site}/join/${code}`);
		await newcomer.page.getByTestId('join-gone').waitFor();
		await faultless(newcomer, 'a used invite');
		await newcomer.close();
	});

	await group.step('by keyboard alone: back to the room and leave', async () => {
		await press(guest, 'player-open');
		await press(guest, 'leave-button');
		await until('the hallway', () => guest.evaluate(() => location.pathname === '/'));
		await press(host, 'player-open');
		await press(host, 'more-button');
		await press(host, 'end-room');
		await press(host, 'end-room-confirm');
		await host.page.getByTestId('room-over').waitFor();
		await faultless(host, 'a room that has ended');
		const status = await guest.evaluate(async (id) => (await fetch(`/api/rooms/${id}`)).status, room);
		equal(status, 410, 'the room afterwards');
	});
}
