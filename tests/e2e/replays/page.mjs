// The page of a replay: the talk as a picture that is played, with what helps to find one's way in it; clips; keys alone.

import { hasFocus, ROUND, tabTo } from '../lib/access.mjs';
import { FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { MEDIA_ADDRESS } from '../lib/server.mjs';
import { has } from '../invitations/scene.mjs';
import { browserOf, DESK, PHONE } from '../members/scene.mjs';
import { recorded, TITLE, turnsOf } from './scene.mjs';

/** How far a place may be from where it should be, in ms: a frame of the page, and what the picture rounds to. */
const NEAR = 400;
/** What a page leaves of a silence that it skips, at both ends, in ms, and as much again for players that are late. */
const LEFT = 1_200;

/** Keeps the page's players in reach, and where each was whenever it said so. */
function keepPlayers() {
	window.__players = [];
	const Player = window.Audio;
	window.Audio = class extends Player {
		constructor(...args) {
			super(...args);
			this.places = [];
			for (const type of ['timeupdate', 'seeked']) this.addEventListener(type, () => this.places.push(this.currentTime * 1_000));
			window.__players.push(this);
		}
	};
}

/** Goes over a whole page by Tab, and checks that no control that gets the focus lies under another. */
async function nothingCovered(person) {
	const covered = new Set();
	for (let i = 0; i < ROUND; i++) {
		await person.press('Tab');
		const name = await person.evaluate(() => {
			const own = document.activeElement;
			const { left, top, width, height } = own.getBoundingClientRect();
			const there = document.elementFromPoint(left + width / 2, top + Math.min(height, innerHeight) / 2);
			// What is around a field, or drawn in a link, is a part of it.
			const same = own === document.body || own.contains(there) || there?.contains(own) || own.closest('label')?.contains(there);
			return same ? null : `${own.dataset.testid || own.textContent.trim() || own.tagName} under ${there?.closest('[data-testid]')?.dataset.testid}`;
		});
		if (name) covered.add(name);
	}
	equal([...covered], [], 'what has the focus and is covered');
}

export async function page(group) {
	const { server, dita, replay } = await recorded(group);
	const person = await browserOf(group, server, 'dita', { client: dita });
	await person.before(keepPlayers);
	const address = `${server.site}/replays/${replay.id}`;
	const turns = turnsOf(replay);
	const at = async (who = person) => Number(await who.attribute('replay-at', 'data-at'));
	const isAt = (ms, who = person) =>
		until(`${who.handle} to be at ${ms} ms`, async () => {
			const now = await at(who);
			return Math.abs(now - ms) <= NEAR || now;
		}).then((now) => check(now === true, `at ${now} ms`));
	const plays = async (who = person) => (await who.attribute('replay-play', 'data-playing')) === 'true';
	const player = (read, who = person) => who.evaluate(`(${read})(window.__players.findLast((one) => one.src))`);
	const pause = async () => {
		if (await plays()) await person.click('replay-play');
		await until('it to stand still', async () => !(await plays()));
	};
	const open = async (hash = '', who = person) => {
		// Another page in between, so that the address is loaded whatever its fragment is.
		await who.goto(`${server.site}/me`);
		await who.goto(`${address}${hash}`);
		await who.shows('replay-picture');
	};

	await group.step('what the server says of it: who spoke when, where nobody did, chapters, and what happened meanwhile', async () => {
		equal(replay.speakers.map(({ name }) => name), ['Ada Oyelaran', 'Ben Whitlock', 'Chen Li'], 'who spoke');
		console.log(`        ${turns.map(({ n, from, to }) => `${n}: ${from}-${to}`).join(', ')}; silences ${JSON.stringify(replay.picture.silences)}`);
		check(replay.ms > 43_000 && replay.ms < 60_000, `it is ${replay.ms} ms long`);
		equal(replay.picture.chapters.map(({ by, speaker }) => [by, speaker]), [['start', 1], ['floor', 3]], 'chapters');
		const kinds = new Set(replay.marks.map(({ kind }) => kind));
		equal([...kinds].sort(), ['floor', 'link', 'reaction'], 'what happened meanwhile');
	});

	await group.step('the page: the talk as a picture with a lane for everybody, its chapters, and that there is no transcript', async () => {
		await open();
		equal(await person.page.getByTestId('replay-lane').count(), 3, 'lanes');
		equal(await person.page.getByTestId('replay-speaker').count(), 3, 'people who spoke');
		has(await person.page.locator('main, body').first().textContent(), 'the page', TITLE, 'Open to everyone', 'A list of bridges', 'Chen Li leads', 'This talk has no transcript.');
		await seen(person, 'replay');
	});

	await group.step('it plays, and the system’s own buttons know what', async () => {
		await person.click('replay-play');
		await until('the sound to go on', async () => (await plays()) && (await at()) > 1_500);
		equal(await person.evaluate(() => navigator.mediaSession.metadata?.title), TITLE, 'what the system shows');
		await until('the system to know that it plays', () => person.evaluate(() => navigator.mediaSession.playbackState === 'playing'));
		await until('whoever speaks to be shown', () => person.page.locator('[data-testid=replay-lane].speaks').count());
		await pause();
	});

	await group.step('faster, and without the silences', async () => {
		const [silence] = replay.picture.silences.filter(([from, to]) => to - from > 3_000);
		check(silence, `silences: ${JSON.stringify(replay.picture.silences)}`);
		await person.click('replay-speed');
		await person.page.getByRole('menuitem', { name: '2×' }).click();
		equal(await player((one) => one.playbackRate), 2, 'the speed');
		await person.click('replay-skip-silence');
		equal(await person.attribute('replay-skip-silence', 'aria-pressed'), 'true', 'whether silences are skipped');
		await open(`#t=${Math.floor(silence[0] / 1_000) - 1}`);
		equal(await player((one) => one.playbackRate), 2, 'the speed on the next visit');
		await person.click('replay-play');
		await until('it to be after the silence', async () => (await at()) > silence[1] + 500);
		const within = (await player((one) => one.places)).filter((ms) => ms > silence[0] + LEFT && ms < silence[1] - LEFT);
		equal(within, [], 'places in the midst of the silence that were played');
		await pause();
		await person.click('replay-skip-silence');
		await person.click('replay-speed');
		await person.page.getByRole('menuitem', { name: '1×' }).click();
	});

	await group.step('the next speaker and the one before; a chapter; a moment of a link; where one stopped', async () => {
		await open('#t=0');
		const { from } = turns.find((turn) => turn.n !== turns[0].n);
		await person.click('replay-next');
		await isAt(turns[0].from > 0 ? turns[0].from : from);
		await person.click('replay-next');
		await isAt(turns[0].from > 0 ? from : turns.find((turn) => turn.from > from).from);
		await person.click('replay-previous');
		const chapter = replay.picture.chapters[1].at_ms;
		await person.page.getByTestId('replay-chapters').getByRole('link').nth(1).click();
		await until('the chapter to play', async () => (await plays()) && (await at()) >= chapter - NEAR);
		await pause();
		equal(await person.evaluate(() => location.hash), `#t=${Math.floor(chapter / 1_000)}`, 'the address of the chapter');
		await open('#t=30');
		await isAt(30_000);
		await person.click('replay-back');
		await isAt(15_000);
		await open();
		await isAt(15_000);
	});

	await group.step('what happened is at its time, and leads there', async () => {
		const { at_ms } = replay.marks.find(({ kind }) => kind === 'floor');
		await person.page.getByTestId('replay-moments').first().locator(`a[href="#t=${Math.floor(at_ms / 1_000)}"]`).first().click();
		await until('it to play from there', async () => (await at()) >= at_ms - NEAR);
		await pause();
		await person.page.getByTestId('replay-mark').first().click();
		await person.shows('moments-sheet');
		await seen(person, 'replay moments');
		await person.dismiss();
	});

	await group.step('a clip: cut on the page, heard on its own page, by visitors too', async () => {
		await open('#t=12');
		await person.click('clip-open');
		await person.shows('clip-sheet');
		await person.fill('clip-title', 'Ben on bridges');
		await seen(person, 'clip choosing');
		await person.click('clip-make');
		await person.shows('replay-clip');
		const { items } = (await dita.must('GET', `/api/replays/${replay.id}/clips`)).body;
		equal([items.length, items[0].title, items[0].by.handle], [1, 'Ben on bridges', 'dita'], 'the clip');
		check(items[0].to_ms - items[0].from_ms >= 1_000 && items[0].to_ms <= replay.ms, `from ${items[0].from_ms} to ${items[0].to_ms}`);
		await person.goto(`${server.site}/clips/${items[0].id}`);
		await person.shows('clip');
		await seen(person, 'clip');
		await person.click('snippet-play');
		await until('the clip to play', () => player((one) => one.currentTime > 0.5 && one.error === null));
		const visitor = await fetch(`${server.site}/clips/${items[0].id}`);
		equal(visitor.status, 200, 'the answer to a visitor');
		has(await visitor.text(), 'the page of the clip', 'Ben on bridges', '<audio');
	});

	await group.step('all of it by keys', async () => {
		await open('#t=2');
		await tabTo(person, 'replay-scrubber');
		await person.press('ArrowRight');
		await isAt(7_000);
		await person.press('Home');
		await isAt(0);
		await tabTo(person, 'replay-play');
		await person.press('Enter');
		await until('it to play', () => plays());
		await person.press('k');
		await until('it to stand still', async () => !(await plays()));
		for (const [key, hold] of [['l', (from) => from + 15_000], ['j', (from) => from - 15_000], [']', () => replay.picture.chapters[1].at_ms], ['[', () => 0]]) {
			const from = await at();
			await person.press(key);
			await isAt(Math.max(0, hold(from)));
		}
		await person.press('n');
		await isAt(turns.find((turn) => turn.from > 0).from);
		await person.press('>');
		equal(await player((one) => one.playbackRate), 1.25, 'the speed');
		await person.press('<');
		await person.press('s');
		equal(await person.attribute('replay-skip-silence', 'aria-pressed'), 'true', 'whether silences are skipped');
		await person.press('s');
		await tabTo(person, 'clip-open');
		await person.press('Enter');
		await person.shows('clip-sheet');
		await person.dismiss();
		await hasFocus(person, 'clip-open');
	});

	await group.step('a visitor without an account sees and hears it, in Firefox', async () => {
		if (MEDIA_ADDRESS === '127.0.0.1') return group.skip('Firefox', 'needs a network namespace (root, unshare and ip)');
		const fanny = group.use(await FirefoxPerson.launch('fanny'));
		await fanny.before(keepPlayers);
		await fanny.goto(`${address}#t=9`);
		await fanny.shows('replay-picture');
		await isAt(9_000, fanny);
		await fanny.click('replay-play');
		await until('the sound to go on', async () => (await at(fanny)) > 10_500);
		equal(await player((one) => one.error, fanny), null, 'what its player complains of');
	});

	await group.step('nothing that has the focus lies under the player, on a large screen and on a small one', async () => {
		for (const { viewport } of [DESK, PHONE]) {
			await person.page.setViewportSize(viewport);
			await open();
			await nothingCovered(person);
		}
	});
}
