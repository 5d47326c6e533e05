// Those who run the place: the members and their tree, keeping a branch out while it talks, reports, settings, the waiting list.

import { Client } from '../lib/api.mjs';
import { says, tabTo } from '../lib/access.mjs';
import { equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, people, PHONE } from './scene.mjs';

export async function running(group) {
	const server = group.use(await Server.start(group.folder()));
	const all = await people(server);
	const { ada, ben, chen, emeka, hana, jonas } = all;
	const owner = await browserOf(group, server, 'ada', { client: ada });
	const reporter = await browserOf(group, server, 'hana', { client: hana, ...PHONE });
	const at = (path) => `${server.site}${path}`;
	const left = (socket, who) => socket.events().some(({ event }) => event.type === 'left' && event.member === who.me.id);
	let code;

	await group.step('the administration is there for the owner, and for nobody else', async () => {
		await reporter.goto(at('/admin'));
		await reporter.page.getByText('There is nothing at this address').first().waitFor();
		const [hidden, nowhere] = [await hana.request('GET', '/api/admin/members'), await hana.request('GET', '/api/admin/nothing')];
		equal([hidden.status, hidden.body], [nowhere.status, nowhere.body], 'a route of admins, and one that does not exist');
		await owner.goto(at('/me'));
		await owner.click('settings-admin');
		await owner.shows('health');
		await owner.click('admin-members');
		await owner.fill('admin-search', 'eme');
		await until('one member to be found', async () => (await owner.page.locator('[data-testid=admin-members-list] li').count()) === 1);
		await owner.page.getByText('Emeka Obi').first().waitFor();
	});

	await group.step('the tree as a picture answers to the keyboard', async () => {
		await owner.click('admin-tree');
		await owner.shows('tree-picture');
		await tabTo(owner, 'tree-picture');
		const view = async () => (await owner.attribute('tree-picture', 'viewBox')).split(' ').map(Number);
		const whole = await view();
		await owner.press('+');
		await until('the picture to be nearer', async () => (await view())[2] < whole[2]);
		const near = await view();
		await owner.press('ArrowRight');
		await until('the picture to move', async () => (await view())[0] > near[0]);
		await owner.press('0');
		await until('the whole tree', async () => JSON.stringify(await view()) === JSON.stringify(whole));
	});

	await group.step('a branch is kept out while its people talk: they are out of the room at once', async () => {
		[code] = (await ben.must('POST', '/api/recovery-codes')).body.codes;
		const room = await chen.openRoom('Everybody');
		const host = group.use(await chen.enter(room));
		const sockets = {};
		for (const one of [ben, emeka, jonas, hana]) sockets[one.me.handle] = group.use(await one.enter(room));
		await until('everybody to be in', () => Object.values(sockets).every((socket) => socket.snapshot));
		await owner.page.getByTestId('tree-ben').click();
		await owner.click('tree-suspend');
		const sheet = await owner.shows('suspend-sheet');
		await sheet.getByText('5 people').waitFor();
		await owner.click('suspend-branch');
		await owner.fill('suspend-reason', 'Selling watches, all of them');
		await owner.click('suspend-submit');
		await says(owner, '6 people out');
		for (const one of [ben, emeka, jonas, hana]) {
			const { handle } = one.me;
			await until(`the host to see ${handle} leave`, () => left(host, one));
			await until(`${handle} to be cut off`, () => sockets[handle].closed);
			equal(sockets[handle].bye(), 'session_ended', `the last word to ${handle}`);
			equal((await one.request('GET', '/api/me')).status, 401, `${handle} asking who is signed in`);
		}
		equal((await chen.must('GET', `/api/rooms/${room}`)).body.listening, 0, 'listeners left');
		const recovery = await new Client(server.url).request('POST', '/api/sign-in/recovery', { json: { handle: 'ben', code } });
		equal([recovery.status, recovery.code], [403, 'suspended'], 'signing in while kept out');
		await reporter.goto(server.site);
		await reporter.shows('sign-in');
	});

	await group.step('the branch is let back in, and may sign in again', async () => {
		await owner.click('admin-suspensions');
		await owner.click('restore-branch-ben');
		await says(owner, '6 people may come back');
		const answer = await new Client(server.url).must('POST', '/api/sign-in/recovery', { json: { handle: 'ben', code } });
		equal(answer.body.handle, 'ben', 'who signed in');
	});

	await group.step('a report, what comes of it, and a word to whoever reported', async () => {
		const greta = await ada.must('POST', '/api/invites', { json: { note: '', days: 1 } });
		const invite = new URL(greta.body.link).pathname.split('/').pop();
		const again = await new Client(server.url).redeem(invite, 'greta', 'Greta');
		await reporter.context.clearCookies();
		await reporter.signIn(server.site, again);
		await reporter.goto(at('/people/chen'));
		await reporter.click('person-more');
		await reporter.click('person-report');
		await reporter.click('report-spam');
		await reporter.fill('report-text', 'The same advert in every room');
		await reporter.click('report-send');
		await says(reporter, 'will read it');
		await owner.click('admin-reports');
		await owner.page.getByText('The same advert in every room').waitFor();
		await owner.page.getByTestId('report-outcome').selectOption('acted');
		await owner.fill('report-answer', 'We had a word with him.');
		await owner.click('report-close');
		await owner.page.getByText('No reports. Quiet is good.').waitFor();
		await reporter.click('nav-inbox');
		await reporter.page.getByTestId('notice').filter({ hasText: 'We had a word with him.' }).waitFor();
	});

	await group.step('settings are kept, and show', async () => {
		await owner.click('admin-settings');
		await owner.fill('settings-name', 'Lamplight');
		await owner.fill('settings-invites', '3');
		await owner.click('settings-save');
		await says(owner, 'Saved.');
		await owner.page.reload();
		equal(await (await owner.shows('settings-invites')).inputValue(), '3', 'invites for each member');
		await owner.page.getByRole('link', { name: 'Lamplight' }).waitFor();
	});

	await group.step('what was done stands in the audit log', async () => {
		await owner.click('admin-audit');
		const log = await owner.shows('audit');
		for (const act of ['Changed the settings', 'Closed a report', 'Let somebody back in', 'Kept somebody out']) {
			await log.getByText(act).first().waitFor();
		}
		await log.getByText('with their branch, 6 people').first().waitFor();
	});

	await group.step('a visitor reserves a handle, a member waves them in, they come in with it', async () => {
		const visitor = await browserOf(group, server, 'kit', PHONE);
		await visitor.goto(server.site);
		await visitor.click('waitlist');
		await visitor.fill('wait-name', 'Kit');
		await visitor.fill('wait-handle', 'kit');
		await visitor.fill('wait-note', 'Greta knows me');
		await visitor.click('wait-submit');
		await arrives(visitor, /^\/waiting\//);
		await visitor.page.getByText('@kit is yours for now').waitFor();
		await reporter.goto(at('/invites'));
		await reporter.fill('wave-handle', '@Kit');
		await reporter.click('wave-find');
		await reporter.page.getByText('Greta knows me').waitFor();
		await reporter.click('wave-submit');
		await says(reporter, 'Kit can come in now');
		// The page looks by itself every while, and when somebody comes back to it.
		await visitor.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
		await visitor.click('waiting-join');
		await visitor.fill('join-name', 'Kit');
		equal(await (await visitor.shows('join-handle')).inputValue(), 'kit', 'the handle on the join page');
		equal(await visitor.attribute('join-handle', 'readonly'), '', 'whether it is fixed');
		await visitor.click('join-submit');
		await visitor.click('passkey-later');
		await until('them to be in', async () => (await ada.request('GET', '/api/members/kit')).status === 200);
		const { items } = (await ada.must('GET', '/api/admin/members?q=kit')).body;
		equal(items[0].sponsor.handle, 'greta', 'who let them in');
	});
}
