// Running a room with Firefox, and one member with two browsers: the queue of hands, calling somebody up, a guest, a ban
// after leaving, what is read out, and a second device.

import { says } from '../lib/access.mjs';
import { ChromiumPerson, FirefoxPerson } from '../lib/browser.mjs';
import { equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';

export async function inFirefox(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const clients = {};
	for (const [handle, name] of [['fanny', 'Fanny'], ['ben', 'Ben'], ['chen', 'Chen']]) clients[handle] = await server.member(handle, name);
	const fanny = group.use(await FirefoxPerson.launch('fanny'));
	const ben = group.use(await ChromiumPerson.launch('ben', 550, folder));
	const chen = group.use(await FirefoxPerson.launch('chen'));
	for (const person of [fanny, ben, chen]) await person.signIn(server.site, clients[person.handle]);
	const over = async (person, code) => {
		await person.shows('room-over');
		equal(await person.attribute('room-over', 'data-code'), code, 'why the talk is over');
	};
	const hands = () =>
		fanny.evaluate(() => [...document.querySelectorAll('[data-testid^="hand-of-"]')].map(({ dataset }) => dataset.testid.slice('hand-of-'.length)).join(' '));
	const inQueue = (wanted) => until(`the queue to be ${wanted}`, async () => (await hands()) === wanted);
	let room;

	await group.step('a host in Firefox is told of hands, and takes one from the queue', async () => {
		room = await fanny.startRoom('By the fire');
		await fanny.microphone(true);
		for (const person of [ben, chen]) {
			await person.enter(room);
			await person.raiseHand(`A question of ${person.handle}`);
			await says(fanny, `${clients[person.handle].me.name} raised a hand`);
		}
		await fanny.click('hands-button');
		await inQueue('ben chen');
		await fanny.page.locator('[data-testid="hand-of-ben"] [data-testid="hand-accept"]').click();
		await inQueue('chen');
		await fanny.dismiss();
		await fanny.waitSees('ben', { role: 'speaker' });
		await ben.microphone(true);
		await fanny.hears(ben);
		await ben.hears(fanny);
		await chen.hears(ben);
	});

	await group.step('a second device, in Firefox, takes over on stage; the first one says so and takes it back', async () => {
		const second = group.use(await FirefoxPerson.launch('ben'));
		await second.signIn(server.site, clients.ben);
		await second.enter(room);
		await over(ben, 'replaced');
		equal(await ben.evaluate(() => window.__probe.connections.filter((one) => one.connectionState !== 'closed').length), 0, 'legs on the first');
		await fanny.waitSees('ben', { role: 'speaker' });
		await second.microphone(true);
		await second.hears(fanny);
		await fanny.hears(second);
		await ben.click('enter-again');
		await ben.entered();
		await over(second, 'replaced');
		await ben.microphone(true);
		await fanny.hears(ben);
		await second.close();
	});

	await group.step('somebody with Firefox is called up from the stage and comes through the green room', async () => {
		await chen.click('leave-button');
		await fanny.misses('person-chen');
		await fanny.click('more-button');
		await fanny.click('open-call-up');
		await fanny.fill('call-up-find', 'chen');
		await fanny.click('call-up-chen');
		await fanny.fill('call-up-context', 'The question about the borrow checker');
		await fanny.click('call-up-send');
		await fanny.shows('call-up-withdraw-chen');
		await fanny.dismiss();
		await chen.shows('called-up-sheet');
		await chen.click('call-up-green');
		await chen.click('sound-check');
		await chen.click('call-up-enter');
		await chen.entered();
		await fanny.waitSees('chen', { role: 'speaker' });
		await chen.microphone(true);
		await ben.hears(chen);
	});

	await group.step('a guest with Firefox hears themselves, knocks, and is let in onto the stage', async () => {
		const { body } = await clients.fanny.must('POST', `/api/rooms/${room}/guests`, { json: { name: 'Gerd', minutes: 30, context: null } });
		const guest = group.use(await FirefoxPerson.launch('gerd'));
		await guest.goto(body.link);
		await guest.click('sound-check');
		await guest.click('guest-ask');
		await says(fanny, 'Gerd waits to come in as a guest');
		await fanny.click('guest-admit');
		await guest.entered();
		// Three are forwarded at once: a fourth voice is not heard while all three go on.
		for (const person of [ben, chen]) await person.microphone(false);
		await guest.microphone(true);
		await fanny.hears(guest);
		await guest.hears(fanny);
		await clients.fanny.must('DELETE', `/api/rooms/${room}/guests/${body.guest}`);
		await guest.shows('guest-over');
		await guest.close();
	});

	await group.step('a host in Firefox bans who has left, who cannot come back', async () => {
		await chen.click('leave-button');
		await fanny.misses('person-chen');
		await fanny.click('more-button');
		await fanny.click('open-run');
		await fanny.click('run-gone');
		await fanny.click('gone-ban-chen');
		await fanny.fill('ban-reason', 'Shouting');
		await fanny.click('ban-sure');
		await fanny.shows('let-in-chen');
		await fanny.dismiss();
		await chen.goto(`${server.site}/room/${room}`);
		await over(chen, 'banned');
	});
}
