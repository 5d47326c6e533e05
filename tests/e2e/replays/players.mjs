// Replays in other people's programs: parts of files as players ask for them, FFmpeg, plain players of browsers, podcasts, and the
// page that is read without an account and a script.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { HtmlValidate } from 'html-validate';

import { FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, RESULTS, ROOT, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { MEDIA_ADDRESS } from '../lib/server.mjs';
import { has, hasCard, head, PYTHON, reader } from '../invitations/scene.mjs';
import { browserOf } from '../members/scene.mjs';
import { CHEN_HZ, recorded, TITLE } from './scene.mjs';
import { inFile } from './sound.mjs';

const rules = new HtmlValidate({ root: true, extends: ['html-validate:standard', 'html-validate:a11y'] });
/** How far a length or a place may be from what it should be, in s: a packet, and what a decoder needs to begin. */
const NEAR = 0.1;
/** Where Chen talks for sure, in s. */
const CHEN = [25, 30];

/** The boxes of an MP4 file from the first byte (ISO/IEC 14496-12, section 4.2). */
function boxes(bytes) {
	const found = [];
	for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
		check(bytes.readUInt32BE(at) >= 8, `a box of ${bytes.readUInt32BE(at)} bytes`);
		found.push(bytes.toString('latin1', at + 4, at + 8));
	}
	return found;
}

/** Another site, with a page that has nothing on it. */
async function elsewhere() {
	const site = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html><title>Elsewhere</title>'));
	await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
	return { url: `http://127.0.0.1:${site.address().port}/`, close: () => site.close() };
}

/** Plays the sound at an address with the browser's own player, on the page it is on, from the 25th second; gives what it says. */
async function plainly(person, url) {
	await person.evaluate((src) => {
		document.querySelector('audio')?.remove();
		const audio = document.createElement('audio');
		audio.src = src;
		document.body.append(audio);
		audio.addEventListener('loadedmetadata', () => {
			audio.currentTime = 25;
			void audio.play();
		});
		audio.load();
	}, url);
	return until(`${person.handle} to play ${url}`, () =>
		person.evaluate(() => {
			const audio = document.querySelector('audio');
			if (audio.error) return { error: audio.error.message };
			return audio.currentTime > 26 && { error: null, seconds: audio.duration, from: audio.played.start(0) };
		})
	);
}

/** Checks that a picture is a cover as directories of podcasts want it: a square JPEG of 1400 to 3000 pixels in colours. */
async function hasCover(url) {
	check(/\.jpg$/.test(new URL(url).pathname), `its name does not tell what it is: ${url}`);
	equal((await fetch(url, { method: 'HEAD' })).status, 200, 'whether the cover is there');
	const answer = await fetch(url);
	equal([answer.status, answer.headers.get('content-type')], [200, 'image/jpeg'], `the cover at ${url}`);
	const bytes = Buffer.from(await answer.arrayBuffer());
	equal(bytes.readUInt16BE(0), 0xffd8, 'its first bytes');
	// Its frame header (ITU-T T.81, section B.2.2): size and number of components.
	let at = 2;
	while (![0xc0, 0xc1, 0xc2].includes(bytes[at + 1])) at += 2 + bytes.readUInt16BE(at + 2);
	const [high, wide, components] = [bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 7), bytes[at + 9]];
	check(wide === high && wide >= 1_400 && wide <= 3_000 && components === 3, `${wide} by ${high} pixels of ${components} components`);
	writeFileSync(join(RESULTS, `cover-of-${new URL(url).pathname.split('/')[2]}.jpg`), bytes);
}

/** Checks that a page is right as HTML and runs nothing; gives its text. */
async function valid(url) {
	const answer = await fetch(url, { headers: { 'accept-language': 'en' } });
	const html = await answer.text();
	equal([answer.status, answer.headers.get('content-type')], [200, 'text/html; charset=utf-8'], String(url));
	check(!html.includes('id="app"') && !/<script(?! type="application\/ld\+json")/.test(html), `${url} runs something`);
	const report = await rules.validateString(html);
	const wrong = report.results.flatMap(({ messages }) => messages).map(({ line, column, ruleId, message }) => `${line}:${column} ${ruleId}: ${message}`);
	check(wrong.length === 0, `${url}:\n${wrong.join('\n')}`);
	return html;
}

/** Looks at the page that a visitor has before them, which has to fit into the window. */
async function looks(visitor, name) {
	await seen(visitor, name);
	const wide = await visitor.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	equal(Math.max(wide, 0), 0, 'px by which it is wider than the window');
}

/** Checks that the browser's own player plays what is on a page. */
async function playsAlone({ page }) {
	const audio = page.locator('audio').first();
	await audio.evaluate((one) => one.play());
	await until('it to play', () => audio.evaluate((one) => one.currentTime > 0.5 && one.error === null));
}

export async function players(group) {
	const { server, folder, ada, event, replay } = await recorded(group);
	const at = (path) => new URL(path, server.site);
	const files = {};
	for (const { type, url } of replay.audio) {
		const [, kind] = /^audio\/(\w+)/.exec(type);
		const bytes = Buffer.from(await (await fetch(at(url))).arrayBuffer());
		files[kind] = { type, url: at(url).href, bytes, path: join(folder, `sent.${kind}`) };
		writeFileSync(files[kind].path, bytes);
	}

	await group.step('parts of a file, as players ask for them', async () => {
		equal(Object.keys(files).sort(), ['mp4', 'ogg'], 'files');
		for (const [kind, { url, bytes }] of Object.entries(files)) {
			const size = bytes.length;
			const ask = async (headers, method = 'GET') => {
				const answer = await fetch(url, { method, headers });
				return { status: answer.status, said: (name) => answer.headers.get(name), body: Buffer.from(await answer.arrayBuffer()) };
			};
			const whole = await ask({});
			equal([whole.status, whole.said('content-type'), whole.said('accept-ranges'), whole.said('content-length')], [200, `audio/${kind}`, 'bytes', String(size)], 'the whole');
			const only = await ask({}, 'HEAD');
			equal([only.status, only.said('content-length'), only.body.length], [200, String(size), 0], 'only what is said of it');
			for (const [range, from, to] of [['bytes=0-1', 0, 2], ['bytes=100-', 100, size], ['bytes=-500', size - 500, size], [`bytes=1000-${size + 5}`, 1_000, size]]) {
				const part = await ask({ range });
				equal([part.status, part.said('content-range'), part.body.equals(bytes.subarray(from, to))], [206, `bytes ${from}-${to - 1}/${size}`, true], `${range} of ${kind}`);
			}
			const none = await ask({ range: `bytes=${size}-` });
			equal([none.status, none.said('content-range'), JSON.parse(none.body).code], [416, `bytes */${size}`, 'range_not_satisfiable'], 'what lies behind the end');
			const tag = whole.said('etag');
			equal((await ask({ range: 'bytes=0-9', 'if-range': tag })).status, 206, 'a part of what one has the beginning of');
			equal((await ask({ range: 'bytes=0-9', 'if-range': '"another"' })).status, 200, 'a part of what is not there any more');
			equal((await ask({ 'if-none-match': tag })).status, 304, 'what one has');
		}
		equal((await fetch(at(`/api/replays/${replay.id}/audio.ogg?g=${replay.generation + 1}`))).status, 404, 'what has not been made');
	});

	await group.step('FFmpeg knows both, with the codec and the length, and seeks in them to the moment that is asked for', async () => {
		for (const [kind, { path }] of Object.entries(files)) {
			const told = await inFile(path, ...CHEN, [CHEN_HZ]);
			console.log(`        ${kind}: ${JSON.stringify(told)}`);
			equal(told.codec, 'opus', `the codec of ${kind}`);
			check(Math.abs(told.says - replay.ms / 1_000) < NEAR, `${kind} says it takes ${told.says} s, not ${replay.ms} ms`);
			check(Math.abs(told.first - CHEN[0]) < NEAR, `${kind}: sought ${CHEN[0]} s, found ${told.first} s`);
			check(told.tones[CHEN_HZ] >= CHEN[1] - CHEN[0] - 1, `${kind} has other sound there`);
		}
		const [type, movie, index, ...parts] = boxes(files.mp4.bytes);
		equal([type, movie, index], ['ftyp', 'moov', 'sidx'], 'the boxes in front');
		check(parts.length >= 2 && parts.every((name, i) => name === ['moof', 'mdat'][i % 2]), `the boxes after them: ${parts}`);
	});

	const visitor = await browserOf(group, server, 'visitor', { locale: 'en-GB' });
	await group.step('the plain players of Chromium and Firefox play both on another site, from the moment that is asked for', async () => {
		const other = group.use(await elsewhere());
		const people = [visitor];
		if (MEDIA_ADDRESS !== '127.0.0.1') people.push(group.use(await FirefoxPerson.launch('fanny')));
		for (const person of people) {
			await person.goto(other.url);
			// MP4 first: a moment after its start, a Firefox that finds no codecs of the system takes back that it plays any MP4.
			for (const [kind, { url, type }] of Object.entries(files).sort()) {
				const may = await person.evaluate((type) => new Audio().canPlayType(type) !== '', type);
				if (!may && person !== visitor && kind === 'mp4') {
					console.log('        this Firefox plays no MP4');
					continue;
				}
				check(may, `${person.handle} does not play ${type}`);
				const told = await plainly(person, url);
				equal(told.error, null, `what ${person.handle} complains of ${kind}`);
				check(Math.abs(told.seconds - replay.ms / 1_000) < NEAR && Math.abs(told.from - 25) < NEAR, `${person.handle}, ${kind}: ${JSON.stringify(told)}`);
			}
		}
	});

	await group.step('the podcasts of the house and of its host, as feedparser reads them and directories want them, with the sound that they name', async () => {
		for (const [path, title] of [['/houses/valves', 'Valves & wires'], ['/people/ada', 'Ada Oyelaran']]) {
			const answer = await fetch(at(`${path}/podcast.xml`));
			equal([answer.status, answer.headers.get('content-type').split(';')[0]], [200, 'application/rss+xml'], path);
			const feed = JSON.parse(execFileSync(PYTHON, [join(ROOT, 'tests/e2e/replays/podcast.py')], { input: await answer.text() }));
			equal([feed.wrong, feed.version, feed.link, feed.episodes.length], [null, 'rss20', at(path).href, 1], `${path}, as it is read`);
			check(feed.title.startsWith(title) && feed.summary && /^[a-z]{2}\b/.test(feed.language), `it is called ${feed.title}`);
			// feedparser writes `false` down as null (and `true` as true).
			equal([feed.explicit, feed.categories, feed.owner], [null, ['Society & Culture'], null], 'what directories ask about it, and whose address it names');
			await hasCover(feed.image);
			const [episode] = feed.episodes;
			equal([episode.explicit, Boolean(episode.summary)], [null, true], 'what they ask about an episode');
			equal([episode.id, episode.title, episode.link, episode.published, episode.author], [replay.id, TITLE, at(`/recaps/${replay.id}`).href, true, 'Ada Oyelaran'], 'the episode');
			equal(Number(episode.duration), Math.floor(replay.ms / 1_000), 'how long it is said to be');
			equal(episode.enclosures.map(({ type }) => type), ['audio/mp4'], 'what goes with it');
			const [{ href, length }] = episode.enclosures;
			const asked = await fetch(href, { method: 'HEAD' });
			equal(['content-length', 'content-type', 'accept-ranges'].map((name) => asked.headers.get(name)), [String(length), 'audio/mp4', 'bytes'], 'what is said of it without sending it');
			check(new URL(href).pathname.endsWith('.mp4'), `its name does not tell what it is: ${href}`);
			const sound = await fetch(href, { headers: { 'user-agent': 'AnyPodcatcher/1.0' } });
			const bytes = Buffer.from(await sound.arrayBuffer());
			equal([sound.status, bytes.length, bytes.equals(files.mp4.bytes)], [200, length, true], 'the sound that it names');
			equal(sound.headers.get('cross-origin-resource-policy'), 'cross-origin', 'whether pages of other sites may play it');
		}
		equal((await fetch(at('/people/ben/podcast.xml'))).status, 404, 'the podcast of somebody whose profile is not for everybody');
	});

	await group.step('the recap: valid, the same for eyes, ears and programs, and it plays without a script', async () => {
		const path = `/recaps/${replay.id}`;
		check(!(await valid(at(path))).includes('<b>bridges</b>'), 'its title is not text');
		await visitor.goto(at(path).href);
		const said = await head(visitor);
		equal([said.title, said.data['@type']], [TITLE, 'AudioObject'], 'what other programs are told');
		await hasCard(said.image);
		await looks(visitor, 'recap');
		const plain = await reader(group, visitor, 'en-GB');
		await plain.page.goto(at(path).href);
		has(await plain.page.locator('main').textContent(), 'the page', TITLE, 'Ada Oyelaran', 'Ben Whitlock', 'Chen Li', 'Chapters');
		await playsAlone(plain);
		const moment = await plain.page.locator(`a[href^="/replays/${replay.id}#t="]`).count();
		check(moment >= 2, `${moment} links to moments`);
		// After the letters in their faces.
		const lanes = await plain.page.locator('.lanes .who > span').allTextContents();
		equal(lanes, ['Ada', 'Ben', 'Chen'], 'names beside the lanes');
	});

	await group.step('the page of the event, once it is over, leads to the recap, and that leads back', async () => {
		const path = `/events/${event}`;
		await valid(at(path));
		await visitor.goto(at(path).href);
		equal((await head(visitor)).data.recordedIn, [{ '@type': 'AudioObject', name: TITLE, url: at(`/recaps/${replay.id}`).href }], 'what programs are told came of it');
		await looks(visitor, 'page of an event that was recorded');
		await visitor.page.locator('main').getByRole('link', { name: TITLE }).click();
		await visitor.page.waitForURL(at(`/recaps/${replay.id}`).href);
		await visitor.page.getByRole('link', { name: 'The event' }).click();
		await visitor.page.waitForURL(at(path).href);
	});

	await group.step('an unlisted link: a page that plays without an account and a script, and asks to be in no index', async () => {
		await ada.must('PATCH', `/api/replays/${replay.id}`, { json: { hearers: 'attendees' } });
		await until('it to be for those who were there', async () => !(await (await fetch(at(`/recaps/${replay.id}`))).text()).includes('<audio'));
		const { url } = (await ada.must('POST', `/api/replays/${replay.id}/links`, { json: {} })).body;
		await valid(url);
		await visitor.goto(url);
		equal(await visitor.page.locator('meta[name=robots]').getAttribute('content'), 'noindex', 'what it asks of programs that make an index');
		await looks(visitor, 'recap by an unlisted link');
		const plain = await reader(group, visitor, 'ru-RU');
		await plain.page.goto(url);
		has(await plain.page.locator('main').textContent(), 'the page', TITLE, 'Ada Oyelaran', 'Главы', 'Кто говорил');
		await playsAlone(plain);
		// From there to the player, which has the key still.
		await visitor.page.getByRole('link', { name: 'open the player' }).click();
		await visitor.shows('replay-picture');
		await visitor.click('replay-play');
		await until('the player to play', async () => Number(await visitor.attribute('replay-at', 'data-at')) > 500);
		equal(new URL(visitor.page.url()).searchParams.get('key'), new URL(url).searchParams.get('key'), 'the key in its address');
	});
}
