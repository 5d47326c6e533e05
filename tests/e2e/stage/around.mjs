// What goes on around a talk: reactions, the backchannel, captions, pinned links, the timer, keys, the sound's state.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { faultless, says, sheetFaultless } from '../lib/access.mjs';
import { newId } from '../lib/api.mjs';
import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, RESULTS, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';

const PICTURES = join(RESULTS, 'images');
/** People who come in beside the others: more than a page shows at first. */
const CROWD = 64;
const TEXT = 'See https://example.org/notes for the rest';

/** The texts of the lines that somebody sees. */
function lines(person) {
	return person.page.getByTestId('line').locator('.text').allTextContents();
}

function seesLine(person, text) {
	return until(`${person.handle} to read ${text}`, async () => (await lines(person)).includes(text));
}

function write(socket, text) {
	socket.send({ type: 'say', id: newId(), text });
}

/** How often a kind of reaction was told to somebody, and in how many messages. */
async function told(person, kind) {
	const all = (await person.messages('chatter')).flatMap(({ reactions }) => reactions.filter((one) => one.kind === kind));
	return { messages: all.length, count: all.reduce((sum, one) => sum + one.count, 0) };
}

/** Takes a picture in both themes. */
async function shoot(person, what) {
	const { width } = person.page.viewportSize();
	for (const colorScheme of ['light', 'dark']) {
		await person.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		await person.screenshot(join(PICTURES, `around-${what}-${width}-${colorScheme}.png`));
	}
}

export async function around(group) {
	mkdirSync(PICTURES, { recursive: true });
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const desk = { viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce' };
	const phone = { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' };
	const people = {};
	for (const [handle, name] of [['olga', 'Olga Berg'], ['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['hana', 'Hana Sato'], ['pia', 'Pia Lund']]) {
		people[handle] = await server.member(handle, name);
	}
	await people.olga.must('PUT', '/api/members/ben/follow');
	const room = await people.olga.openRoom('Around the talk');
	const olga = group.use(await people.olga.enter(room));
	const ben = group.use(await people.ben.enter(room));
	const chen = group.use(await people.chen.enter(room));
	const hana = group.use(await ChromiumPerson.launch('hana', 440, folder, desk));
	const pia = group.use(await ChromiumPerson.launch('pia', 550, folder, phone));
	for (const person of [hana, pia]) {
		await person.signIn(server.site, people[person.handle]);
		await person.enter(room);
	}

	await group.step('Hana comes on stage and moderates', async () => {
		await olga.command({ type: 'offer_stage', member: hana.id });
		await hana.click('offer-accept');
		await hana.waitSees('hana', { role: 'speaker' });
		await olga.command({ type: 'make_moderator', member: hana.id });
		await hana.waitSees('hana', { role: 'moderator' });
	});

	await group.step('listeners whom somebody on stage follows sit before the others', async () => {
		const { page } = pia;
		await page.getByTestId('followed').getByTestId('person-ben').waitFor();
		equal(await page.getByTestId('audience').getByTestId('person-ben').count(), 0, 'Ben among the others');
		await page.getByTestId('audience').getByTestId('person-chen').waitFor();
		await faultless(pia, 'the followed');
		await shoot(pia, 'followed');
	});

	await group.step('reactions by three people are merged, counted, shown on the stage and summed up in words', async () => {
		for (let n = 0; n < 8; n++) for (const socket of [ben, chen]) socket.send({ type: 'react', kind: 'applause' });
		await hana.click('react-heart');
		await until('the reactions to float', async () => (await pia.page.locator('[data-testid=floating] [data-kind=applause]').count()) > 0);
		await pia.page.locator('[data-testid=person-hana] [data-reaction=heart]').waitFor();
		await until('all applause to be told', async () => (await told(pia, 'applause')).count === 16);
		const { messages } = await told(pia, 'applause');
		check(messages <= 4, `sixteen reactions came in ${messages} messages`);
		await says(pia, 'clap');
	});

	await group.step('three quick taps on the closed microphone are applause and leave it closed', async () => {
		const before = (await told(pia, 'applause')).count;
		await hana.page.getByTestId('mic-button').click({ clickCount: 3, delay: 20 });
		await until('the applause', async () => (await told(pia, 'applause')).count === before + 1);
		await until('the microphone to be closed', async () => (await hana.attribute('mic-button', 'data-state')) === 'closed');
	});

	await group.step('the backchannel: by key and field on a desk, as a sheet with unread lines on a phone; links are only text', async () => {
		await hana.press('c');
		await hana.shows('backchannel');
		await hana.page.keyboard.type('Can everybody hear?');
		// Letters that are typed are no shortcuts.
		equal(await hana.attribute('mic-button', 'data-state'), 'closed', 'the microphone while typing');
		await hana.press('Enter');
		await seesLine(hana, 'Can everybody hear?');
		await until('an unread line', async () => (await pia.attribute('lines-button', 'data-unread')) === '1');
		await pia.click('lines-button');
		await seesLine(pia, 'Can everybody hear?');
		write(olga, TEXT);
		await seesLine(pia, TEXT);
		equal(await pia.page.getByTestId('line').locator('a').count(), 0, 'links in lines');
		equal(await pia.page.getByTestId('line-remove').count(), 0, 'lines that a listener may remove');
		await hana.page.getByTestId('line').filter({ hasText: TEXT }).getByTestId('line-remove').click();
		await until('the removed line to be gone', async () => !(await lines(pia)).includes(TEXT));
		equal(await hana.page.getByRole('log').getAttribute('aria-live'), 'off', 'reading out');
		await hana.click('lines-read-out');
		equal(await hana.page.getByRole('log').getAttribute('aria-live'), 'polite', 'reading out, switched on');
	});

	await group.step('slow mode shows the wait, and does not bind moderators', async () => {
		await olga.command({ type: 'set_backchannel', open: true, slow_seconds: 60 });
		await pia.shows('slow-rule');
		await pia.fill('line-text', 'Yes, well');
		await pia.press('Enter');
		await seesLine(hana, 'Yes, well');
		const wait = await (await pia.shows('slow-wait')).textContent();
		check(/\b(5\d|60) s/.test(wait), `the wait is shown as ${wait}`);
		await pia.fill('line-text', 'and more');
		check(await pia.page.getByTestId('line-send').isDisabled(), 'a line could be sent before its time');
		await pia.fill('line-text', '');
		for (const line of ['One', 'Two']) {
			await hana.fill('line-text', line);
			await hana.press('Enter');
			await seesLine(hana, line);
			await until('the field to be empty', async () => (await hana.page.getByTestId('line-text').inputValue()) === '');
		}
		await olga.command({ type: 'set_backchannel', open: true, slow_seconds: 0 });
	});

	await group.step('whoever blocks is not read, and lines of the muted are hidden', async () => {
		await people.chen.must('PUT', '/api/members/pia/block');
		await people.pia.must('PUT', '/api/members/ben/mute');
		await pia.dismiss();
		await pia.misses('backchannel');
		write(chen, 'from behind a block');
		write(ben, 'from somebody muted');
		write(olga, 'from the host');
		for (const text of ['from behind a block', 'from somebody muted', 'from the host']) await seesLine(hana, text);
		await pia.click('lines-button');
		await seesLine(pia, 'from the host');
		await until('the muted to be hidden', async () => !(await lines(pia)).includes('from somebody muted'));
		check(!(await lines(pia)).includes('from behind a block'), 'a line came through a block');
	});

	await group.step('with an open backchannel both pages are without faults; a closed one says so', async () => {
		for (const person of [hana, pia]) {
			await faultless(person, 'the backchannel');
			await shoot(person, 'backchannel');
		}
		await olga.command({ type: 'set_backchannel', open: false, slow_seconds: 0 });
		for (const person of [hana, pia]) await person.shows('lines-off');
		await faultless(pia, 'the closed backchannel');
		await olga.command({ type: 'set_backchannel', open: true, slow_seconds: 0 });
		await pia.dismiss();
		await pia.misses('backchannel');
	});

	await group.step('captions come to whoever wants them, by speaker, also after the connection was lost', async () => {
		await hana.microphone(true);
		await pia.waitSees('hana', { mic: true });
		await pia.click('captions-button');
		const caption = (text, done = false) => olga.send({ type: 'caption', number: hana.number, text, language: 'en', done });
		// The wish is not answered: what is captioned before it has arrived is missed.
		await until('the first caption', async () => {
			caption('Good');
			return (await pia.page.getByTestId('captions').count()) > 0;
		}, { every: 300 });
		caption('Good evening to everybody', true);
		await until('the sentence to be whole', async () => (await pia.page.getByTestId('captions').textContent()).includes('Good evening to everybody'));
		check(/Hana/.test(await pia.page.getByTestId('captions').textContent()), 'the speaker is not named');
		equal(await hana.page.getByTestId('captions').count(), 0, 'captions of somebody who does not want them');
		await faultless(pia, 'captions');
		await shoot(pia, 'captions');
		await pia.evaluate(() => window.dispatchEvent(new Event('offline')));
		await until('the connection to be back', async () => (await pia.attribute('connection-state', 'data-state')) === 'connected');
		await until('captions after the connection was lost', async () => {
			caption('and welcome back');
			return (await pia.page.getByTestId('captions').textContent({ timeout: 200 })).includes('and welcome back');
		}, { every: 300 });
		await pia.click('captions-button');
		await pia.misses('captions');
	});

	await group.step('a moderator pins a link, which opens apart and shows its host, and unpins it', async () => {
		await hana.click('more-button');
		await hana.click('open-links');
		await hana.fill('link-url', 'javascript:alert(1)');
		await hana.fill('link-label', 'The notes');
		check(await hana.page.getByTestId('link-pin').isDisabled(), 'a script could be pinned');
		await hana.fill('link-url', 'https://example.org/notes');
		await hana.click('link-pin');
		const link = await pia.shows('link');
		equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow', 'rel');
		equal(await link.getAttribute('target'), '_blank', 'target');
		check((await link.textContent()).includes('example.org'), 'the host is not shown');
		await hana.dismiss();
		await faultless(pia, 'links');
		await shoot(pia, 'links');
		await shoot(hana, 'links');
		equal(await pia.page.getByTestId('unpin').count(), 0, 'unpinning by a listener');
		await hana.click('unpin');
		await pia.misses('link');
	});

	await group.step('a moderator sets the timer; everybody sees it run and is told of its end', async () => {
		await hana.click('more-button');
		await hana.click('open-timer');
		await hana.click('timer-5');
		const left = Number(await pia.attribute('timer', 'data-left'));
		// Either clock may be off by the way that a message takes.
		check(left > 280 && left <= 301, `five minutes were shown as ${left} s`);
		await olga.command({ type: 'set_timer', until: Date.now() + 3_000 });
		await until('the last minute', async () => Number(await pia.attribute('timer', 'data-left')) <= 3);
		await says(pia, 'Time is up');
		await hana.click('more-button');
		await hana.click('open-timer');
		await hana.click('timer-clear');
		await pia.misses('timer');
		await hana.page.getByRole('dialog').waitFor({ state: 'detached' });
	});

	await group.step('keys: help, microphone, push to talk, hand; each can be switched off', async () => {
		const mic = (state) => until(`the microphone to be ${state}`, async () => (await hana.attribute('mic-button', 'data-state')) === state);
		await hana.evaluate(() => document.activeElement?.blur());
		await mic('open');
		await hana.press('m');
		await mic('closed');
		await hana.press('?');
		await hana.shows('keys');
		await faultless(hana, 'the keys');
		await shoot(hana, 'keys');
		await hana.click('push-to-talk');
		await hana.dismiss();
		await hana.misses('keys');
		await hana.evaluate(() => document.activeElement?.blur());
		await hana.page.keyboard.down(' ');
		await mic('open');
		await hana.page.keyboard.up(' ');
		await mic('closed');
		const before = (await told(pia, 'laugh')).count;
		await hana.press('3');
		await until('the reaction by key', async () => (await told(pia, 'laugh')).count === before + 1);
		await pia.press('h');
		await pia.shows('hand-question');
		await pia.dismiss();
		await hana.press('?');
		await hana.click('keys-on');
		await hana.dismiss();
		await hana.misses('keys');
		await hana.press('c');
		await hana.shows('backchannel');
	});

	await group.step('the state of the sound is told in plain words, with figures', async () => {
		await hana.microphone(true);
		await pia.hears(hana);
		await pia.click('more-button');
		await pia.click('open-health');
		await until('a verdict', async () => (await pia.attribute('sound-verdict', 'data-verdict')) === 'good');
		check(/UDP|TCP/.test(await pia.page.getByTestId('sound-figures').textContent()), 'no way to the server is named');
		await faultless(pia, 'the state of the sound');
		await shoot(pia, 'sound');
		await pia.dismiss();
		await pia.page.getByRole('dialog').waitFor({ state: 'detached' });
		await sheetFaultless(hana, 'more-button', 'the menu');
	});

	await group.step('the lock screen names the talk and who is on stage, and the page can be installed', async () => {
		const shown = await hana.evaluate(() => [navigator.mediaSession.metadata?.title, navigator.mediaSession.metadata?.artist]);
		equal(shown, ['Around the talk', 'Olga Berg, Hana Sato'], 'the lock screen');
		const manifest = await hana.evaluate(async () => {
			const answer = await fetch(document.querySelector('link[rel=manifest]').href);
			const { icons } = await answer.json();
			const there = await Promise.all(icons.map(async ({ src, type }) => (await fetch(src)).headers.get('content-type') === type));
			return { type: answer.headers.get('content-type'), there };
		});
		check(/manifest\+json/.test(manifest.type), `the manifest is ${manifest.type}`);
		check(manifest.there.every(Boolean), `icons: ${manifest.there}`);
	});

	await group.step('in a room of many somebody far down is found by part of a name', async () => {
		for (let n = 0; n < CROWD; n++) {
			const one = await server.member(`guest_${n}`, n === CROWD - 1 ? 'Zoë Ångström' : `Guest ${n}`);
			group.use(await one.enter(room));
		}
		await pia.click('roster-button');
		const field = await pia.shows('roster-search');
		await pia.page.getByRole('dialog').getByText('Guest 0', { exact: true }).waitFor();
		await field.fill('ångst');
		await pia.page.getByRole('dialog').getByText('Zoë Ångström').waitFor();
		await pia.page.getByRole('dialog').getByText('Guest 0', { exact: true }).waitFor({ state: 'detached' });
		await shoot(pia, 'found');
		await field.fill('nobody of this name');
		await pia.page.getByRole('dialog').getByRole('status').waitFor();
		await pia.dismiss();
	});
}
