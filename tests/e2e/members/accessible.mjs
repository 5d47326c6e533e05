// Guarantee G7 for the pages of members: no faults that a machine can find, in both themes and sizes; and what matters most
// by keyboard alone.

import { faultless, hasFocus, press, says, sheetFaultless, tabTo } from '../lib/access.mjs';
import { equal, until } from '../lib/harness.mjs';
import { device } from '../lib/passkey.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, DESK, furnished, PHONE, rooms } from './scene.mjs';

/** Pages and what is there once they are; `*` stands for any heading. */
const MEMBER = {
	'/': 'room-card',
	'/invites': 'invites-list',
	'/houses': 'house-valves',
	'/houses/new': 'house-make',
	'/houses/valves': 'house-members',
	'/houses/nowhere': '*',
	'/inbox': 'notice',
	'/search?q=va': 'found-houses',
	'/people/ada': 'edit-profile',
	'/people/ben': 'talk',
	'/people/nobody_at_all': 'profile-missing',
	'/people/ada/followers': '*',
	'/me': 'sign-out',
	'/me/profile': 'profile-name',
	'/me/sign-in': 'session',
	'/me/notifications': '*',
	'/me/hidden': '*',
	'/me/acts': 'own-acts',
	'/me/appeals': 'appeals',
	'/me/data': 'export'
};
const ADMIN = {
	'/admin': 'health',
	'/admin/members': 'suspend-ben',
	'/admin/tree': 'tree-ada',
	'/admin/reports': 'report-close',
	'/admin/suspensions': 'restore-branch-ines',
	'/admin/waitlist': 'admin-waitlist-list',
	'/admin/audit': 'audit',
	'/admin/settings': 'settings-save',
	'/admin/first-run': 'first-next'
};

/** Opens pages one by one and checks each. */
async function allFaultless(person, pages, size) {
	for (const [path, id] of Object.entries(pages)) {
		await person.goto(`${person.url}${path}`);
		if (id === '*') await person.page.locator('main h1, main h2').first().waitFor();
		else await person.shows(id);
		await until('nothing to be on its way', () => person.evaluate(() => document.querySelector('[aria-busy=true], [data-busy=true]') === null));
		await faultless(person, `${path} at ${size} px`);
		const wide = await person.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		equal(Math.max(wide, 0), 0, `px by which ${path} is wider than ${size}`);
	}
}

export async function accessible(group) {
	const server = group.use(await Server.start(group.folder()));
	const all = await furnished(server);
	for (const socket of (await rooms(all)).sockets) group.use(socket);
	const { ada, ben, chen } = all;
	const stranger = await browserOf(group, server, 'stranger', PHONE);
	const owner = await browserOf(group, server, 'ada', { client: ada });
	const at = (path) => `${server.site}${path}`;

	await group.step('axe finds nothing wrong with the pages of visitors', async () => {
		for (const [size, viewport] of [
			[390, PHONE.viewport],
			[1280, DESK.viewport]
		]) {
			await stranger.page.setViewportSize(viewport);
			for (const path of ['/', '/signin', '/waitlist', '/waiting/nothing', '/signin/nothing']) {
				await stranger.goto(at(path));
				await stranger.page.locator('h1').first().waitFor();
				await faultless(stranger, `${path} at ${size} px`);
			}
			await stranger.goto(at('/signin'));
			await stranger.click('signin-by-code');
			await faultless(stranger, `signing in by a code at ${size} px`);
		}
		await stranger.goto(at('/waitlist'));
		await stranger.fill('wait-name', 'Zoe');
		await stranger.fill('wait-handle', 'zoe');
		await stranger.click('wait-submit');
		await stranger.page.getByText('@zoe is yours').waitFor();
		await faultless(stranger, 'waiting');
	});

	for (const [size, viewport] of [
		[390, PHONE.viewport],
		[1280, DESK.viewport]
	]) {
		await group.step(`axe finds nothing wrong with the pages of members at ${size} px`, async () => {
			await owner.page.setViewportSize(viewport);
			// Opening the inbox reads it, but what is there stays.
			await allFaultless(owner, MEMBER, size);
		});

		await group.step(`axe finds nothing wrong with the pages of those who run the place at ${size} px`, () =>
			allFaultless(owner, ADMIN, size)
		);
	}

	await group.step('axe finds nothing wrong with a house, for those who run it', async () => {
		const founder = await browserOf(group, server, 'ben', { client: ben, ...PHONE });
		await allFaultless(founder, { '/houses/valves': 'house-ban-dita', '/houses/valves/edit': 'house-save' }, 390);
		await founder.close();
	});

	await group.step('axe finds nothing wrong with the sheets and menus', async () => {
		await owner.page.setViewportSize(PHONE.viewport);
		await owner.goto(at('/invites'));
		await owner.click('invite-make');
		await owner.shows('invite-made');
		await faultless(owner, 'an invite that was made');
		await owner.goto(at('/houses/kitchen'));
		await sheetFaultless(owner, 'house-join', 'the rules of a house');
		await owner.goto(at('/admin/members'));
		await sheetFaultless(owner, 'suspend-ben', 'keeping somebody out');
		await owner.goto(at('/admin/tree'));
		await owner.click('tree-ada');
		await owner.shows('tree-chosen');
		await faultless(owner, 'the tree with somebody chosen');
		await owner.goto(at('/people/ben'));
		await owner.click('follow');
		await owner.shows('bell-always');
		await faultless(owner, 'how often to hear of somebody');
		await owner.dismiss();
		await owner.misses('bell-always');
		for (const [id, what] of [
			['person-report', 'a report'],
			['person-block', 'a block']
		]) {
			await owner.click('person-more');
			await owner.shows(id);
			await sheetFaultless(owner, id, what);
		}
		await owner.goto(at('/houses'));
		await sheetFaultless(owner, 'start-room', 'starting a room');
	});

	await group.step('by keyboard alone: make a passkey, sign out, sign in by it', async () => {
		await device(stranger, { onPress: true });
		await stranger.signIn(server.site, chen);
		await stranger.goto(at('/me/sign-in'));
		await press(stranger, 'passkey-add');
		await stranger.shows('passkey');
		await press(stranger, 'settings-back');
		await press(stranger, 'sign-out');
		await press(stranger, 'sign-out-confirm');
		await arrives(stranger, '/');
		await press(stranger, 'sign-in');
		await press(stranger, 'signin-passkey');
		await arrives(stranger, '/');
	});

	await group.step('by keyboard alone: make an invite, find and follow somebody, open the inbox', async () => {
		await press(stranger, 'nav-invites');
		await press(stranger, 'invite-make');
		await stranger.shows('invite-made');
		await press(stranger, 'nav-search');
		// The field has the focus when the page opens.
		await hasFocus(stranger, 'search-field');
		await stranger.page.keyboard.type('hana');
		await (await stranger.shows('found-people')).getByTestId('person-link-hana').waitFor();
		await stranger.press('ArrowDown');
		await hasFocus(stranger, 'person-link-hana');
		await stranger.press('Enter');
		await arrives(stranger, '/people/hana');
		await press(stranger, 'follow');
		await until('following', () => stranger.evaluate(async () => (await (await fetch('/api/members/hana')).json()).you.follows));
		await press(stranger, 'nav-inbox');
		await stranger.shows('notice');
	});

	await group.step('by keyboard alone: call somebody, who accepts by keyboard', async () => {
		await owner.goto(server.site);
		await owner.shows('room-card');
		await stranger.goto(at('/people/ada'));
		await press(stranger, 'talk');
		await arrives(stranger, /^\/room\//);
		await owner.shows('call-sheet');
		await faultless(owner, 'a call');
		// A key pressed at that moment answers nothing.
		await owner.press('Enter');
		await owner.shows('call-sheet');
		await tabTo(owner, 'call-accept');
		await owner.press('Enter');
		await arrives(owner, /^\/room\//);
		await says(stranger, 'Ada is coming in');
		await Promise.all([owner.entered(), stranger.entered()]);
		equal((await ben.request('GET', '/api/me')).status, 200, 'somebody else is not touched');
	});
}
