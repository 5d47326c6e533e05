// A server that takes no more listeners: whoever comes then waits on a calm page and is let in by itself; those inside
// lose nothing.

import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';

export async function full(group) {
	const folder = group.folder();
	// The host listens as well.
	const server = group.use(await Server.start(folder, '127.0.0.1', ['--max-listeners', '2']));
	const people = [];
	for (const [handle, hz] of [['anna', 440], ['ben', 660], ['chen', 550]]) {
		people.push(group.use(await ChromiumPerson.launch(handle, hz, folder)));
	}
	const [anna, ben, chen] = people;
	let room;

	await group.step('one listener is let in and the next one is asked to wait', async () => {
		for (const person of people) await person.join(server.site, await server.invite());
		room = await anna.startRoom('Small');
		await anna.microphone(true);
		await ben.enter(room);
		await ben.hears(anna);
		await chen.goto(`${server.site}/room/${room}`);
		await until('the page to say so', () => waits(chen));
		const [bye] = await chen.messages('bye');
		equal(bye.code, 'server_full', 'the server says');
		check(bye.retry_after >= 1 && bye.retry_after <= 60, `to come again in ${bye.retry_after} s`);
		const seconds = Number(await chen.attribute('server-full-next', 'data-seconds'));
		check(seconds <= Math.ceil(bye.retry_after * 1.25), `the page says ${seconds} s`);
		await ben.hears(anna);
	});

	await group.step('trying at once is answered at once', async () => {
		await chen.click('server-full-now');
		await until('another answer', async () => (await chen.messages('bye')).length === 2);
		check(await waits(chen), 'the page has gone');
		await seen(chen, 'server full');
	});

	await group.step('when somebody leaves, who waits is let in by itself', async () => {
		await ben.click('leave-button');
		await chen.entered();
		await chen.hears(anna);
	});

	await group.step('who does not want to wait goes back to the hallway', async () => {
		await ben.goto(`${server.site}/room/${room}`);
		await until('the page to say so', () => waits(ben));
		await ben.click('server-full-leave');
		await until('the hallway', () => ben.evaluate(() => location.pathname === '/'));
		const came = (await ben.messages('bye')).length;
		await chen.hears(anna);
		equal((await ben.messages('bye')).length, came, 'tries after leaving');
	});
}

function waits(person) {
	return person.evaluate(() => document.querySelector('[data-testid=server-full]') !== null);
}
