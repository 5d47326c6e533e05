// Houses: founding one, joining by its rules, its rooms, nominations, new rules, and being removed for good.

import { check, equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, found, guestOf, joinHouse, own, PHONE } from './scene.mjs';

const RULES = 'Say what you do not know.\nNo selling.';

export async function houses(group) {
	const server = group.use(await Server.start(group.folder()));
	const fay = await own(server, 'fay', 'Fay');
	const joe = await guestOf(fay, 'joe', 'Joe');
	const max = await guestOf(fay, 'max', 'Max');
	const founder = await browserOf(group, server, 'fay', { client: fay });
	const member = await browserOf(group, server, 'joe', { client: joe, ...PHONE });
	const at = (path) => `${server.site}${path}`;
	let room;

	await group.step('a member founds a house with rules', async () => {
		await founder.goto(at('/houses'));
		await founder.click('house-new');
		await founder.fill('house-name', 'Valves and wires');
		await founder.fill('house-about', 'People who would rather repair it.');
		await founder.fill('house-rules', RULES);
		await founder.fill('house-handle', 'valves');
		await founder.click('house-make');
		await arrives(founder, '/houses/valves');
		await founder.page.getByText('You are an admin').waitFor();
	});

	await group.step('another finds it, reads the rules, accepts them and belongs to it', async () => {
		await member.goto(at('/houses'));
		await member.click('house-valves');
		await member.click('house-join');
		const sheet = await member.shows('house-join-sheet');
		check((await sheet.textContent()).includes('No selling.'), 'the sheet does not show the rules');
		equal((await joe.must('GET', '/api/houses/valves')).body.role, 'none', 'the role before accepting');
		await member.click('house-accept');
		await member.shows('house-leave');
		await member.page.getByText('Joe', { exact: true }).first().waitFor();
		equal((await joe.must('GET', '/api/houses/valves')).body.role, 'member', 'the role afterwards');
	});

	await group.step('a room of the house is on its page and in the hallway of its members, and says so', async () => {
		await founder.click('start-room');
		await founder.fill('room-title-input', 'On the bench');
		await founder.page.getByTestId('room-house').selectOption({ label: 'Valves and wires' });
		await founder.click('room-create');
		room = (await arrives(founder, /^\/room\//)).split('/').pop();
		await founder.entered();
		await member.goto(at('/houses/valves'));
		await member.page.locator(`main [data-room="${room}"]`).waitFor();
		await member.goto(server.site);
		const card = member.page.locator('.card', { has: member.page.locator(`[data-room="${room}"]`) });
		await card.getByText('Valves and wires').first().waitFor();
		await card.getByText('In your house Valves and wires').first().waitFor();
		await member.enter(room);
		await founder.waitSees('joe', { role: 'listener' });
	});

	await group.step('new rules ask again: until they are accepted, no room of the house', async () => {
		await member.click('leave-button');
		// By links: the room goes on as long as the page of its host does.
		await founder.click('nav-houses');
		await founder.click('house-valves');
		await founder.click('house-edit');
		await founder.fill('house-rules', `${RULES}\nWhoever is new speaks first.`);
		await founder.click('house-save');
		await founder.page.getByText('Saved.').first().waitFor();
		await member.goto(at(`/room/${room}`));
		await member.page.getByText('It is for members of the house who have accepted its rules.').waitFor();
		equal(await joe.enter(room).catch(({ status }) => status), 403, 'the room before the new rules are accepted');
		await member.click('over-house');
		await member.page.getByText('The rules have changed').waitFor();
		await member.click('house-accept');
		await member.misses('house-accept');
		await member.enter(room);
	});

	await group.step('removed for good: out of the house and of its room, and there is no way back in', async () => {
		await founder.click('nav-houses');
		await founder.click('house-valves');
		await founder.click('house-ban-joe');
		await founder.page.getByTestId('house-ban-reason').fill('Shouts over everybody');
		await founder.click('house-ban-submit');
		await until('the member to be out of the room', () =>
			member.evaluate(() => document.querySelector('[data-testid=connection-state]')?.dataset.state !== 'connected')
		);
		await founder.misses('house-ban-joe');
		await member.goto(at('/houses/valves'));
		await member.page.getByText('The admins of this house have removed you.').waitFor();
		equal(await member.page.getByTestId('house-join').count(), 0, 'ways to join');
		const again = await joe.request('PUT', '/api/houses/valves/membership', { json: { rules_accepted: true } });
		check(again.status >= 400, 'joining again was let through');
		await founder.goto(at('/houses/valves/edit'));
		const log = founder.page.getByTestId('house-log');
		await log.getByText('Shouts over everybody').waitFor();
	});

	await group.step('a private house: not there for others, joined when a member names one and an admin agrees', async () => {
		await found(fay, 'attic', 'The attic', { private: true, nominated: true });
		await fay.must('POST', '/api/houses/attic/nominations', { json: { handle: 'max', note: '' } });
		await joinHouse(max, 'attic');
		const there = await joe.request('GET', '/api/houses/attic');
		const nowhere = await joe.request('GET', '/api/houses/no_such_house');
		equal([there.status, there.body], [nowhere.status, nowhere.body], 'a private house, and one that does not exist');
		await member.goto(at('/houses/attic'));
		await member.page.getByText('There is no such house').waitFor();
		await max.must('POST', '/api/houses/attic/nominations', { json: { handle: 'joe', note: 'He mends lifts.' } });
		await founder.goto(at('/houses/attic'));
		await founder.page.getByText('He mends lifts.').waitFor();
		await founder.click('nomination-accept');
		await founder.misses('nomination-accept');
		await member.goto(at('/inbox'));
		await member.page.getByTestId('notice').filter({ hasText: 'You may join The attic now' }).click();
		await arrives(member, '/houses/attic');
		await member.click('house-join');
		await member.click('house-accept');
		await member.shows('house-leave');
	});
}
