// The way in, by real passkeys: the owner's link, the first run, an invite, signing out and in, a recovery code.

import { press, tabTo } from '../lib/access.mjs';
import { Client } from '../lib/api.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { device } from '../lib/passkey.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, ownerCode, PHONE } from './scene.mjs';

/** Types into a field that is reached by keyboard, in place of what stands there. */
async function write(person, id, words) {
	await (await person.shows(id)).waitFor();
	await tabTo(person, id);
	await person.press('Control+a');
	await person.page.keyboard.type(words);
}

/** Fills in the join page and makes a passkey, by keyboard. */
async function comeIn(person, link, name) {
	await person.goto(link);
	await write(person, 'join-name', name);
	await write(person, 'join-handle', person.handle);
	await press(person, 'join-submit');
	await press(person, 'passkey-make');
}

export async function wayIn(group) {
	const server = group.use(await Server.start(group.folder()));
	const { site } = server;
	const owner = await browserOf(group, server, 'olga');
	const guest = await browserOf(group, server, 'gus', PHONE);
	const elsewhere = await browserOf(group, server, 'gus-elsewhere', PHONE);
	const key = await device(owner);
	const guestKey = await device(guest, { onPress: true });
	let link;

	await group.step('by keyboard: the owner comes in by the link the server printed, and makes a passkey', async () => {
		await comeIn(owner, `${site}/join/${await ownerCode(server)}`, 'Olga Owner');
		await arrives(owner, '/admin/first-run');
		equal(await key.passkeys(), 1, 'passkeys on the device of the owner');
	});

	await group.step('by keyboard: the four steps of the first run', async () => {
		await write(owner, 'settings-name', 'Lamplight');
		for (const n of [1, 2, 3, 4]) {
			await owner.page.getByText(`Step ${n} of 4`).waitFor();
			// The heading has the focus, so that the next step is read out.
			if (n > 1) await until('the focus on the heading', () => owner.evaluate(() => document.activeElement.tagName === 'H1'));
			await press(owner, 'first-next');
		}
		await arrives(owner, '/invites');
		equal(await owner.evaluate(async () => (await (await fetch('/api/me')).json()).set_up_needed), false, 'whether setting up is needed');
		await owner.page.getByRole('link', { name: 'Lamplight' }).waitFor();
	});

	await group.step('by keyboard: an invite with a word to the guest; its link and QR code are shown', async () => {
		await write(owner, 'invite-note', 'The accordion is welcome');
		await press(owner, 'invite-make');
		const made = await owner.shows('invite-made');
		link = await made.getByTestId('invite-link').inputValue();
		check(link.startsWith(`${site}/join/`), `the link is ${link}`);
		const qr = await made.locator('img').evaluate((image) => ({ drawn: image.naturalWidth, wide: image.getBoundingClientRect().width }));
		check(qr.drawn > 0 && qr.wide >= 200, `the QR code is ${JSON.stringify(qr)}`);
	});

	await group.step('somebody else comes in by it, with a passkey of their own; nobody else can', async () => {
		await guest.goto(link);
		await guest.page.getByText('The accordion is welcome').waitFor();
		await guest.page.getByText('Olga invites you').waitFor();
		await comeIn(guest, link, 'Gus');
		await arrives(guest, '/');
		equal([await key.passkeys(), await guestKey.passkeys()], [1, 1], 'passkeys on the two devices');
		await elsewhere.goto(link);
		await elsewhere.shows('join-gone');
		await owner.goto(`${site}/invites`);
		await owner.page.getByText('Gus came in').first().waitFor();
	});

	await group.step('they sign out, and in again by passkey', async () => {
		await guest.click('my-page');
		await guest.click('sign-out');
		await guest.click('sign-out-confirm');
		await guest.shows('sign-in');
		await arrives(guest, '/');
		equal(await guest.evaluate(async () => (await fetch('/api/me')).status), 401, 'asking who is signed in');
		await guest.click('sign-in');
		await guest.click('signin-passkey');
		await arrives(guest, '/');
		await guest.shows('my-page');
	});

	await group.step('a recovery code signs them in elsewhere, once', async () => {
		await guest.goto(`${site}/me/sign-in`);
		await guest.click('codes-make');
		const codes = await (await guest.shows('recovery-codes')).locator('code').allTextContents();
		equal(codes.length, 10, 'recovery codes');
		await guest.click('codes-kept');
		await guest.page.getByText('10 unused codes left').waitFor();
		await elsewhere.goto(`${site}/signin`);
		await elsewhere.click('signin-by-code');
		await elsewhere.fill('signin-handle', 'gus');
		await elsewhere.fill('signin-code', codes[3]);
		await elsewhere.click('signin-code-submit');
		await arrives(elsewhere, '/');
		await elsewhere.shows('my-page');
		const again = await new Client(server.url).request('POST', '/api/sign-in/recovery', { json: { handle: 'gus', code: codes[3] } });
		equal([again.status, again.code], [403, 'recovery_refused'], 'the same code again');
	});

	await group.step('signed out there from here, the other browser is out at once', async () => {
		await guest.goto(`${site}/me/sign-in`);
		await guest.shows('session-end');
		equal(await guest.page.getByTestId('session').count(), 2, 'browsers that are signed in');
		await guest.click('session-end');
		await elsewhere.shows('sign-in');
		await until('one session to be left', async () => (await guest.page.getByTestId('session').count()) === 1);
	});
}
