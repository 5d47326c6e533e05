// Replays in other people's programs: parts of files as players ask for them, FFmpeg, plain players of browsers, podcasts, and the
// page that is read without an account and a script.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { HtmlValidate } from 'html-validate';

import { FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, ROOT, until } from '../lib/harness.mjs';
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

export async function players(group) {
	const { server, folder, replay } = await recorded(group);
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
			for (const [kind, { url, type }] of Object.entries(files)) {
				check(await person.evaluate((type) => new Audio().canPlayType(type) !== '', type), `${person.handle} does not play ${type}`);
				const told = await plainly(person, url);
				equal(told.error, null, `what ${person.handle} complains of ${kind}`);
				check(Math.abs(told.seconds - replay.ms / 1_000) < NEAR && Math.abs(told.from - 25) < NEAR, `${person.handle}, ${kind}: ${JSON.stringify(told)}`);
			}
		}
	});

	await group.step('the podcasts of the house and of its host, as feedparser reads them, with the sound that they name', async () => {
		for (const [path, title] of [['/houses/valves', 'Valves & wires'], ['/people/ada', 'Ada Oyelaran']]) {
			const answer = await fetch(at(`${path}/podcast.xml`));
			equal([answer.status, answer.headers.get('content-type').split(';')[0]], [200, 'application/rss+xml'], path);
			const feed = JSON.parse(execFileSync(PYTHON, [join(ROOT, 'tests/e2e/replays/podcast.py')], { input: await answer.text() }));
			equal([feed.wrong, feed.version, feed.link, feed.episodes.length], [null, 'rss20', at(path).href, 1], `${path}, as it is read`);
			check(feed.title.startsWith(title) && feed.summary && feed.language, `it is called ${feed.title}`);
			const [episode] = feed.episodes;
			equal([episode.id, episode.title, episode.link, episode.published, episode.author], [replay.id, TITLE, at(`/recaps/${replay.id}`).href, true, 'Ada Oyelaran'], 'the episode');
			equal(Number(episode.duration), Math.floor(replay.ms / 1_000), 'how long it is said to be');
			equal(episode.enclosures.map(({ type }) => type), ['audio/mp4'], 'what goes with it');
			const [{ href, length }] = episode.enclosures;
			const sound = await fetch(href, { headers: { 'user-agent': 'AnyPodcatcher/1.0' } });
			const bytes = Buffer.from(await sound.arrayBuffer());
			equal([sound.status, bytes.length, bytes.equals(files.mp4.bytes)], [200, length, true], 'the sound that it names');
			equal(sound.headers.get('cross-origin-resource-policy'), 'cross-origin', 'whether pages of other sites may play it');
		}
		equal((await fetch(at('/people/ben/podcast.xml'))).status, 404, 'the podcast of somebody whose profile is not for everybody');
	});

	await group.step('the recap: valid, the same for eyes, ears and programs, and it plays without a script', async () => {
		const path = `/recaps/${replay.id}`;
		const answer = await fetch(at(path), { headers: { 'accept-language': 'en' } });
		const html = await answer.text();
		equal([answer.status, answer.headers.get('content-type')], [200, 'text/html; charset=utf-8'], path);
		check(!html.includes('id="app"') && !/<script(?! type="application\/ld\+json")/.test(html), `${path} runs something`);
		const report = await rules.validateString(html);
		const wrong = report.results.flatMap(({ messages }) => messages).map(({ line, column, ruleId, message }) => `${line}:${column} ${ruleId}: ${message}`);
		check(wrong.length === 0, `${path}:\n${wrong.join('\n')}`);
		check(!html.includes('<b>bridges</b>'), 'its title is not text');
		await visitor.goto(at(path).href);
		const said = await head(visitor);
		equal([said.title, said.data['@type']], [TITLE, 'AudioObject'], 'what other programs are told');
		await hasCard(said.image);
		await seen(visitor, 'recap');
		const wide = await visitor.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		equal(Math.max(wide, 0), 0, 'px by which it is wider than the window');
		const plain = await reader(group, visitor, 'en-GB');
		await plain.page.goto(at(path).href);
		has(await plain.page.locator('main').textContent(), 'the page', TITLE, 'Ada Oyelaran', 'Ben Whitlock', 'Chen Li', 'Chapters');
		const audio = plain.page.locator('audio');
		await audio.evaluate((one) => one.play());
		await until('it to play', () => audio.evaluate((one) => one.currentTime > 0.5 && one.error === null));
		const moment = await plain.page.locator(`a[href^="/replays/${replay.id}#t="]`).count();
		check(moment >= 2, `${moment} links to moments`);
	});
}
