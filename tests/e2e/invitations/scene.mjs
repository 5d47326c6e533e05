// What the groups about invitations and events have in common: a letter, answers to it, readers without an account or a script.

import { join } from 'node:path';

import { check, equal, ROOT, until } from '../lib/harness.mjs';

/** Python with what requirements.txt names (scripts/setup.sh test makes it). */
export const PYTHON = join(ROOT, 'tests/e2e/.venv/bin/python');

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The letter in which a host asks somebody who has no account. */
export const LETTER = {
	title: 'Join me for a chat',
	text: 'Dear Mr President,\n\nI would like to ask you about bridges: who builds them, and who crosses them first.',
	title_ru: 'Давайте поговорим',
	text_ru: 'Уважаемый господин президент,\n\nя хотела бы спросить вас о мостах: кто их строит и кто первым по ним идёт.'
};

/** Whom that letter is to, and the domain by which an answer can be proven. */
export const INVITEE = { name: 'President Orlov', about: 'Head of state of Northland', domain: 'press.example.org' };

/** A letter to that person, sent through the API; gives the invitation. */
export async function asks(host, more = {}) {
	const json = { invitee: INVITEE, language: 'en', title: LETTER.title, text: LETTER.text, topics: ['bridges'], ...more };
	return (await host.must('POST', '/api/invitations', { json })).body;
}

/** The invitation as somebody reads it; with `cookie` as whoever answers by a link. */
export async function invitation(client, id, cookie) {
	return (await client.must('GET', `/api/invitations/${id}`, as(cookie))).body;
}

/** An act on an invitation, in the round that it is in; gives the answer, whatever it is. */
export async function tries(client, id, act, { cookie, ...more } = {}) {
	const { round } = await invitation(client, id, cookie);
	const inRound = ['accept_sheet', 'withdraw', 'merge'].includes(act) ? {} : { round };
	return client.request('POST', `/api/invitations/${id}/acts`, { json: { act, ...inRound, ...more }, ...as(cookie) });
}

/** An act that must succeed. */
export async function acts(client, id, act, more) {
	const { status, body } = await tries(client, id, act, more);
	equal(status, 200, `the answer to ${act}, ${JSON.stringify(body).slice(0, 200)}`);
	return body;
}

/** Options of a request by whoever has this cookie and no account, if there is one. */
export const as = (cookie) => (cookie ? { headers: { cookie }, token: null } : {});

/** A time in ms since 1970 as a field `datetime-local` has it in a zone. */
export const inZone = (at, timeZone) => new Date(at).toLocaleString('sv-SE', { timeZone }).slice(0, 16).replace(' ', 'T');

/** A full minute that is so far ahead, in ms. */
export const ahead = (ms) => Math.ceil((Date.now() + ms) / MINUTE) * MINUTE;

/** Opens an act's sheet, fills it in by `fill`, and sends it. */
export async function says(person, act, words, fill = async () => {}) {
	await person.click(`act-${act}`);
	await person.shows('act-form');
	await fill();
	if (words) await person.fill('act-words', words);
	await person.click('act-send');
	await person.misses('act-form');
}

/** Waits for the newest line of a timeline that is of this kind; gives its text and whose voice it is. */
export async function line(person, kind) {
	const found = person.page.locator(`[data-testid=step][data-kind=${kind}]`).first();
	await found.waitFor({ timeout: 30_000 });
	return { text: await found.textContent(), voice: await found.getAttribute('data-voice') };
}

/** Reads pages as somebody without an account, in a browser that runs no scripts and prefers a language. */
export async function reader(group, person, locale) {
	const context = group.use(await person.browser.newContext({ javaScriptEnabled: false, locale, reducedMotion: 'reduce' }));
	return { page: await context.newPage(), handle: `reader of ${locale}` };
}

/** The head of a page as a reader without scripts got it: what other programs are told of it. */
export async function head({ page }) {
	const all = async (selector, name) => page.locator(selector).evaluateAll((found, name) => found.map((one) => one.getAttribute(name)), name);
	const meta = async (property) => (await all(`meta[property="${property}"]`, 'content'))[0] ?? null;
	return {
		language: await page.locator('html').getAttribute('lang'),
		title: await meta('og:title'),
		description: await meta('og:description'),
		url: await meta('og:url'),
		image: await meta('og:image'),
		languages: await all('link[hreflang]', 'hreflang'),
		feeds: await all('link[rel=alternate][type]', 'type'),
		data: JSON.parse(await page.locator('script[type="application/ld+json"]').first().textContent())
	};
}

/** Checks that a picture for previews is there, as other sites fetch it: a PNG of 1200 by 630 pixels. */
export async function hasCard(url) {
	const answer = await fetch(url);
	equal([answer.status, answer.headers.get('content-type')], [200, 'image/png'], `the picture at ${url}`);
	const bytes = Buffer.from(await answer.arrayBuffer());
	equal(bytes.subarray(1, 4).toString(), 'PNG', 'its first bytes');
	equal([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [1200, 630], 'its width and height');
}

/** What somebody was told of an event, from the first: each notice's change. */
export async function told(client, event) {
	const { items } = (await client.must('GET', '/api/notices')).body;
	const about = items.filter(({ kind, subject }) => kind === 'event_changed' && subject === event);
	return about.map((notice) => notice.event.change).reverse();
}

/** Waits until each of them was told these changes of an event, and checks that none was told twice. */
export async function allTold(clients, event, changes) {
	for (const client of clients) {
		await until(`${client.me.handle} to be told of ${changes.at(-1)}`, async () => (await told(client, event)).includes(changes.at(-1)));
		equal(await told(client, event), changes, `what ${client.me.handle} was told`);
	}
}

/** Checks that a text has all these words in it. */
export function has(text, what, ...words) {
	for (const one of words) check(text.includes(one), `${what} does not say ${JSON.stringify(one)}: ${text.replace(/\s+/g, ' ').slice(0, 1_500)}`);
}
