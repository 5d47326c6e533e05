// What a member does with their own account: the profile and its picture, the language, taking everything along, deleting it.

import { readFileSync } from 'node:fs';

import { tabTo } from '../lib/access.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { device } from '../lib/passkey.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, follow, inviteOf, own, PHONE } from './scene.mjs';

/** The names of the files in a ZIP archive, by its central directory (APPNOTE, section 4.3.12). */
function filesIn(zip) {
	const names = [];
	for (let at = zip.indexOf('PK\x01\x02', 0, 'latin1'); at !== -1; at = zip.indexOf('PK\x01\x02', at + 46, 'latin1')) {
		names.push(zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28)));
	}
	return names;
}

/** Paints a picture in the page and chooses it as the file for the profile: a quarter of it red, on the left, the rest blue. */
const choosePicture = (person) =>
	person.evaluate(async () => {
		const canvas = Object.assign(document.createElement('canvas'), { width: 600, height: 400 });
		const paint = canvas.getContext('2d');
		for (const [colour, x] of [
			['#d02020', 0],
			['#2020d0', 150]
		]) {
			paint.fillStyle = colour;
			paint.fillRect(x, 0, 600, 400);
		}
		const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
		const files = new DataTransfer();
		files.items.add(new File([blob], 'me.png', { type: 'image/png' }));
		const input = document.querySelector('[data-testid=picture-file]');
		input.files = files.files;
		input.dispatchEvent(new Event('change', { bubbles: true }));
	});

/** Size and the colour in the middle of the left and right edge of a picture of the server. */
const pictureAt = (person, path) =>
	person.evaluate(async (from) => {
		const answer = await fetch(from);
		const bitmap = await createImageBitmap(await answer.blob());
		const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
		const paint = canvas.getContext('2d');
		paint.drawImage(bitmap, 0, 0);
		const colour = (x) => {
			const [red, , blue] = paint.getImageData(x, bitmap.height / 2, 1, 1).data;
			return red > blue ? 'red' : 'blue';
		};
		return {
			type: answer.headers.get('content-type'),
			size: [bitmap.width, bitmap.height],
			colours: [colour(4), colour(bitmap.width - 5)]
		};
	}, path);

export async function account(group) {
	const server = group.use(await Server.start(group.folder()));
	const { site } = server;
	const olga = await own(server);
	const gus = await browserOf(group, server, 'gus', PHONE);
	const other = await browserOf(group, server, 'olga', { client: olga });
	const key = await device(gus, { onPress: true });
	let avatar;

	await group.step('a profile with a picture that is cropped by keyboard', async () => {
		await gus.goto(`${site}/join/${await inviteOf(olga)}`);
		await gus.fill('join-name', 'Gus');
		await gus.fill('join-handle', 'gus');
		await gus.click('join-submit');
		await gus.click('passkey-make');
		await arrives(gus, '/');
		equal(await key.passkeys(), 1, 'passkeys');
		await gus.goto(`${site}/me/profile`);
		await gus.shows('picture-file');
		await choosePicture(gus);
		await gus.shows('crop');
		// The square shows the middle of the picture, with red in it. Moved to its right end, all of it is blue.
		await tabTo(gus, 'crop');
		const from = Number(await gus.attribute('crop', 'data-x'));
		for (let i = 0; i < 20; i++) await gus.press('ArrowLeft');
		await until('the picture to be moved', async () => Number(await gus.attribute('crop', 'data-x')) !== from);
		await gus.press('+');
		await until('the picture to be magnified', async () => Number(await gus.attribute('crop', 'data-zoom')) > 1);
		for (let i = 0; i < 20; i++) await gus.press('ArrowLeft');
		await tabTo(gus, 'crop-use');
		await gus.press('Enter');
		await gus.shows('picture-remove');
		await gus.fill('profile-bio', 'Mends accordions.');
		await gus.page.getByTestId('profile-bio').press('Tab');
		await gus.page.getByRole('button', { name: 'Save the profile' }).click();
		await arrives(gus, '/people/gus');
		await gus.page.getByText('Mends accordions.').waitFor();
	});

	await group.step('the picture is what was in the square, in two sizes', async () => {
		({ avatar } = (await olga.must('GET', '/api/members/gus')).body.person);
		check(avatar, 'there is no picture');
		for (const [name, side] of [
			['small', 160],
			['large', 512]
		]) {
			const picture = await pictureAt(gus, `/api/avatars/${avatar}/${name}`);
			equal([picture.type, picture.size], ['image/jpeg', [side, side]], `the ${name} picture`);
			equal(picture.colours, ['blue', 'blue'], 'the colours at its edges');
		}
	});

	await group.step('it shows in the hallway and in a room', async () => {
		await follow(olga, 'gus');
		const room = await gus.startRoom('Accordions');
		await other.goto(site);
		const card = other.page.locator(`.card:has([data-room="${room}"])`);
		await card.locator(`image[href="/api/avatars/${avatar}/small"]`).waitFor();
		await other.enter(room);
		await other.page.locator(`[data-testid=person-gus] image[href^="/api/avatars/${avatar}/"]`).waitFor();
		await gus.click('leave-button');
	});

	await group.step('the language is switched to Russian and back', async () => {
		await gus.goto(`${site}/me`);
		await gus.page.getByTestId('language-ru').check({ force: true });
		await gus.page.getByText('Звук', { exact: false }).first().waitFor();
		await until('the page to say so', () => gus.evaluate(() => document.documentElement.lang === 'ru'));
		await until('the server to know', () => gus.evaluate(async () => (await (await fetch('/api/me')).json()).language === 'ru'));
		await gus.page.reload();
		await until('the page to be Russian again', () => gus.evaluate(() => document.documentElement.lang === 'ru'));
		await gus.page.getByTestId('language-en').check({ force: true });
		await gus.page.getByText('Sign out').first().waitFor();
		equal(await gus.evaluate(() => document.documentElement.lang), 'en', 'the language of the page');
	});

	await group.step('everything can be taken along as an archive', async () => {
		await gus.goto(`${site}/me/data`);
		const [download] = await Promise.all([gus.page.waitForEvent('download'), gus.click('export')]);
		equal(download.suggestedFilename(), 'roomtone-gus.zip', 'the name of the archive');
		const names = filesIn(readFileSync(await download.path()));
		for (const part of ['account', 'follows', 'houses', 'invites', 'notices', 'rooms', 'reports']) {
			check(names.some((name) => name.endsWith(`${part}.json`)), `no ${part} among ${names.join(', ')}`);
		}
		check(names.some((name) => /\.jpe?g$/.test(name)), `no picture among ${names.join(', ')}`);
	});

	await group.step('the account is deleted: no profile, no picture, and the passkey opens nothing', async () => {
		await gus.click('remove-account');
		await gus.fill('remove-handle', 'olga');
		equal(await gus.page.getByTestId('remove-confirm').isDisabled(), true, 'deleting with another handle');
		await gus.fill('remove-handle', 'gus');
		await gus.click('remove-confirm');
		await gus.shows('sign-in');
		// The page is signed out first, then everything else goes.
		await arrives(gus, '/');
		await until('the profile to be gone', async () => (await olga.request('GET', '/api/members/gus')).status === 404);
		const [gone, nobody] = [await olga.request('GET', '/api/members/gus'), await olga.request('GET', '/api/members/nobody_at_all')];
		equal([gone.status, gone.body], [nobody.status, nobody.body], 'the profile, and one of nobody');
		equal((await olga.request('GET', `/api/avatars/${avatar}/small`)).status, 404, 'the picture');
		await other.goto(`${site}/people/gus`);
		await other.shows('profile-missing');
		await gus.goto(`${site}/signin`);
		await gus.click('signin-passkey');
		await gus.page.getByRole('alert').getByText('could not be verified').waitFor();
		equal(await gus.evaluate(async () => (await fetch('/api/me')).status), 401, 'asking who is signed in');
	});
}
