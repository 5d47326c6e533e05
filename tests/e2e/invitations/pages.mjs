// Pages for people without an account: right as HTML, without faults that a machine can find, in both themes and sizes.

import { HtmlValidate } from 'html-validate';

import { check, equal } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, follow, found, joinHouse, own } from '../members/scene.mjs';
import { acts, asks, DAY, head, hasCard, INVITEE, LETTER } from './scene.mjs';

/** What its rules say of a page, with the rules for people who do not see it. */
const rules = new HtmlValidate({ root: true, extends: ['html-validate:standard', 'html-validate:a11y'] });

/** Something of each kind that everybody may read; gives their paths by name. */
async function furnished(server, group) {
	const ada = await own(server, 'ada', 'Ada Oyelaran');
	const people = {};
	for (const [handle, name] of [['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['faina', 'Фаина Соколова']]) {
		people[handle] = await server.member(handle, name);
	}
	const { ben, chen, faina } = people;
	await ben.must('PATCH', '/api/me', { json: { public: true, bio: 'Builds synthesizers out of <solder> & radios.\n\nAsk me about valves.', topics: ['radio'] } });
	await follow(chen, 'ben');
	await found(ben, 'valves', 'Valves & “wires”', { about: 'People who would rather repair it.', rules: 'Say what you do not know.' });
	for (const one of [chen, faina]) await joinHouse(one, 'valves');
	const announce = async (title, more) => (await ben.must('POST', '/api/events', { json: { title, ...more } })).body.id;
	const starts_at = Date.now() + 3 * DAY;
	const events = {
		dated: await announce('On the bench', { starts_at, time_zone: 'Europe/Berlin', house: 'valves', about: 'With smoke.', topics: ['radio'] }),
		undated: await announce('The long talk', { about: 'It comes when it comes.' }),
		cancelled: await announce('Called off', { starts_at })
	};
	await ben.must('POST', `/api/events/${events.cancelled}/cancel`, { json: { reason: 'The valves are <gone>.' } });
	const translations = [{ language: 'ru', title: LETTER.title_ru, text: LETTER.text_ru }];
	const { id } = await asks(ada, { translations });
	const member = (await ada.must('POST', '/api/invitations', { json: { invitee: { handle: 'ben' }, language: 'ru', title: 'Радио & <провода>', text: 'Расскажите о лампах.' } })).body.id;
	await acts(ben, member, 'accept', { text: 'С радостью.', language: 'ru' });
	const sheet = { topics: ['radio'], minutes: 45, languages: ['ru', 'en'], recorded: false, others: ['@chen', 'A neighbour'], audience: 'open', notes: 'Nobody smokes.\n\nReally.' };
	const { hash } = (await ada.must('POST', `/api/invitations/${member}/sheets`, { json: sheet })).body;
	await acts(ben, member, 'accept_sheet', { sheet: hash });
	await acts(ada, member, 'propose_time', { times: [starts_at, starts_at + DAY] });
	for (const one of [chen, faina]) await one.must('PUT', `/api/invitations/${member}/cosign`);
	await chen.must('PUT', `/api/invitations/${member}/question`, { json: { text: 'Which valve & why?' } });
	await faina.must('POST', `/api/invitations/${member}/replies`, { json: { text: 'Приду с паяльником.', contact: 'faina@example.net' } });
	const room = await chen.openRoom('Rust & other <pastimes>', { topics: ['rust'] });
	for (const one of [chen, faina]) group.use(await one.enter(room));
	return {
		'an invitation': `/invitations/${id}`,
		'an invitation in Russian': `/invitations/${id}?language=ru`,
		'an invitation to a member': `/invitations/${member}`,
		'an event with a date': `/events/${events.dated}`,
		'an event without one': `/events/${events.undated}`,
		'an event that is called off': `/events/${events.cancelled}`,
		'a house': '/houses/valves',
		'a person': '/people/ben',
		'a room': `/room/${room}`
	};
}

export async function pages(group) {
	const server = group.use(await Server.start(group.folder()));
	const paths = await furnished(server, group);
	const visitor = await browserOf(group, server, 'visitor', { locale: 'en-GB' });

	for (const [what, path] of Object.entries(paths)) {
		await group.step(`${what}: valid, with a picture, and the same for eyes, ears and programs`, async () => {
			const answer = await fetch(`${server.site}${path}`, { headers: { 'accept-language': 'en' } });
			const html = await answer.text();
			equal([answer.status, answer.headers.get('content-type')], [200, 'text/html; charset=utf-8'], path);
			check(!html.includes('id="app"') && !/<script(?! type="application\/ld\+json")/.test(html), `${path} runs something`);
			const report = await rules.validateString(html);
			const wrong = report.results.flatMap(({ messages }) => messages).map(({ line, column, ruleId, message }) => `${line}:${column} ${ruleId}: ${message}`);
			check(wrong.length === 0, `${path}:\n${wrong.join('\n')}`);
			await visitor.goto(`${server.site}${path}`);
			const said = await head(visitor);
			check(said.title && said.data['@type'], `${path} does not say what it is`);
			await hasCard(said.image);
			await seen(visitor, `page of ${what}`);
			const wide = await visitor.evaluate(() => document.documentElement.scrollWidth - innerWidth);
			equal(Math.max(wide, 0), 0, `px by which ${path} is wider than the window`);
		});
	}

	await group.step('what somebody wrote is text, whatever it looks like; what is for one person is for nobody else', async () => {
		for (const path of Object.values(paths)) {
			const html = await (await fetch(`${server.site}${path}`)).text();
			check(!/<(pastimes|gone|solder)>/.test(html), `${path} has an element of somebody’s`);
			check(!html.includes('faina@example.net') && !html.includes(`${INVITEE.domain}@`), `${path} tells how to reach somebody`);
		}
	});

	await group.step('a page in the language that was asked for, and what is not there', async () => {
		const page = async (path, language) => (await fetch(`${server.site}${path}`, { headers: { 'accept-language': language } })).text();
		check((await page(paths['an event without one'], 'ru')).includes('даты пока нет'), 'the event without a date, in Russian');
		check((await page(paths['an event without one'], 'en')).includes('no date yet'), 'the event without a date, in English');
		const [one, other] = [await page(`/events/${'0'.repeat(26)}`, 'en'), await page(`/invitations/${'0'.repeat(26)}`, 'en')];
		check(one === other && one.includes('<!doctype html>'), 'what is not there looks unlike');
	});
}
