// Every page about invitations, events, offices and domains as members see it, at both sizes and in both themes, with axe.

import { equal, until } from '../lib/harness.mjs';
import { Domains } from '../lib/domains.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, follow, found, own } from '../members/scene.mjs';
import { acts, as, asks, DAY, HOUR, INVITEE, LETTER } from './scene.mjs';

const SHEET = { topics: ['bridges', 'tolls'], minutes: 45, languages: ['en', 'ru'], recorded: false, others: ['@chen', 'An interpreter'], audience: 'open', notes: 'Questions are taken in the order of their votes.' };

export async function looks(group) {
	const folder = group.folder();
	const domains = group.use(await Domains.start(folder, [INVITEE.domain, 'ada.example.org', 'ada.example.com']));
	const server = group.use(await Server.start(folder, '127.0.0.1', domains.options));
	const clients = { ada: await own(server, 'ada', 'Ada Oyelaran') };
	for (const [handle, name] of [['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['dita', 'Dita Králová'], ['faina', 'Фаина Соколова']]) {
		clients[handle] = await server.member(handle, name);
	}
	const { ada, ben, chen, dita, faina } = clients;
	await follow(ben, 'ada', 'chen');
	await found(ada, 'valves', 'Valves and wires');
	const host = await browserOf(group, server, 'ada', { client: ada, locale: 'en-GB' });
	const reader = await browserOf(group, server, 'ben', { client: ben, locale: 'en-GB' });
	const office = await browserOf(group, server, 'office', { locale: 'ru-RU' });
	/** Opens a page, waits for what shows that it is there, and looks at it. */
	const look = async (person, path, id, name) => {
		await person.goto(`${server.site}${path}`);
		await person.shows(id);
		await until('nothing to be on its way', () => person.evaluate(() => document.querySelector('[aria-busy=true], [data-busy=true]') === null));
		await looked(person, name);
	};
	const looked = async (person, name) => {
		await seen(person, `invitations ${name}`);
		const wide = await person.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		equal(Math.max(wide, 0), 0, `px by which ${name} is wider than the window`);
		await person.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
	};
	/** Opens a sheet by a button, looks at it, and closes it. */
	const sheet = async (person, button, name, fill = async () => {}) => {
		await person.click(button);
		await person.page.getByRole('dialog').waitFor();
		await fill();
		await looked(person, name);
		await person.dismiss();
		await person.page.getByRole('dialog').waitFor({ state: 'detached' });
	};
	let id, code;

	await group.step('a letter is written', async () => {
		await look(host, '/invitations', 'invitation-new', 'none yet');
		await look(host, '/invitations/new', 'letter-title', 'new letter');
		await host.page.getByTestId('who-outside').check();
		for (const [field, words] of [['who-name', INVITEE.name], ['who-about', INVITEE.about], ['who-domain', INVITEE.domain], ['letter-title', LETTER.title], ['letter-text', LETTER.text]]) {
			await host.fill(field, words);
		}
		await host.click('translation-add');
		await looked(host, 'new letter with a translation');
		await host.click('letter-preview');
		await looked(host, 'preview of a letter');
	});

	await group.step('as its host, before and after the link is made', async () => {
		const translations = [{ language: 'ru', title: LETTER.title_ru, text: LETTER.text_ru }];
		id = (await asks(ada, { translations, house: 'valves' })).id;
		await look(host, `/invitations/${id}`, 'letter', 'letter as its host');
		await host.click('answer-link-make');
		code = new URL(await (await host.shows('answer-link')).inputValue()).pathname;
		await looked(host, 'link made');
	});

	await group.step('as whoever answers by the link, in Russian', async () => {
		await look(office, code, 'answer-title', 'answer page');
		await office.click('answer-open');
		await office.shows('correspondent');
		await looked(office, 'letter as correspondent');
		await sheet(office, 'act-need_details', 'asking for details');
		await sheet(office, 'act-propose_time', 'proposing times', () => office.click('time-add'));
		await sheet(office, 'act-answer_later', 'answering later');
		await sheet(office, 'act-decline', 'declining');
		await office.click('prove-open');
		await office.shows('proof-form');
		await looked(office, 'proving a domain');
		for (const method of ['dns', 'rel_me', 'file']) {
			await office.page.locator(`[data-testid=proof-form] input[value=${method}]`).check();
			await office.click('proof-begin');
			await office.shows('proof-publish');
			await looked(office, `what to publish for ${method}`);
			if (method === 'file') break;
			await office.click('proof-remove');
			await office.click('proof-remove-sure');
			await office.misses('proof-publish');
		}
		await office.page.getByTestId('proof-check').first().click();
		await office.shows('proof-trouble');
		await looked(office, 'a proof that is not there');
		await office.dismiss();
		await reader.goto(`${server.site}${code}`);
		await reader.shows('answer-gone');
		await looked(reader, 'answer page used up');
	});

	await group.step('with answers, a proof, a talk sheet, names, questions and replies', async () => {
		const cookie = (await office.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
		await acts(ada, id, 'need_details', { cookie, text: 'What exactly is proposed?' });
		const [proof] = (await ada.must('GET', `/api/invitations/${id}/proofs`, as(cookie))).body.items;
		domains.publishes(proof.publish.url, proof.publish.line);
		await ada.must('POST', `/api/invitations/${id}/proofs/${proof.id}/check`, as(cookie));
		await acts(ada, id, 'give_details', { text: 'An hour, in two languages.' });
		await ada.must('POST', `/api/invitations/${id}/sheets`, { json: { ...SHEET, recorded: true, minutes: 60 } });
		const { hash } = (await ada.must('POST', `/api/invitations/${id}/sheets`, { json: SHEET })).body;
		for (const one of [ben, chen, dita, faina]) await one.must('PUT', `/api/invitations/${id}/cosign`);
		for (const [one, text] of [[chen, 'Who pays the toll?'], [dita, 'Which bridge did you cross first?'], [faina, 'Что вы читаете вечером?']]) {
			await one.must('PUT', `/api/invitations/${id}/question`, { json: { text } });
		}
		const { items } = (await ben.must('GET', `/api/invitations/${id}/questions`)).body;
		for (const one of [ben, chen]) await one.must('PUT', `/api/questions/${items[1].id}/vote`);
		await dita.must('POST', `/api/invitations/${id}/replies`, { json: { text: 'I can lend a quiet room.', contact: 'dita@example.net' } });
		await office.page.reload();
		await office.shows('sheet-2');
		await looked(office, 'talk sheet waits for the correspondent');
		await acts(ada, id, 'accept_sheet', { cookie, sheet: hash });
		await look(host, `/invitations/${id}`, 'reply-contact', 'long letter as its host');
		await sheet(host, 'sheet-write', 'writing a talk sheet');
		await sheet(host, 'cosigners', 'who co-signs');
		await host.page.getByTestId('step').first().locator('summary').click();
		await looked(host, 'how we know');
		await look(reader, `/invitations/${id}`, 'questions', 'long letter as a reader');
		await look(reader, '/invitations', 'invitation-card', 'list of letters');
		const starts_at = Math.ceil((Date.now() + 3 * DAY) / HOUR) * HOUR;
		await acts(ada, id, 'propose_time', { cookie, times: [starts_at, starts_at + DAY] });
		await host.page.reload();
		await host.shows('act-agree_time');
		await sheet(host, 'act-agree_time', 'agreeing on a time');
		await acts(ada, id, 'agree_time', { times: [starts_at] });
		await look(host, `/invitations/${id}`, 'outcome', 'letter that was accepted');
	});

	await group.step('events: none, new, with a date, without, with a choice of times, called off', async () => {
		await look(reader, '/events?box=mine', 'event-new', 'events none of mine');
		await look(host, '/events/new', 'event-title', 'event new');
		await host.page.locator('input[value=poll]').check();
		await looked(host, 'event new with a choice of times');
		const announce = async (title, more) => (await ada.must('POST', '/api/events', { json: { title, ...more } })).body.id;
		const starts_at = Math.ceil((Date.now() + 4 * DAY) / HOUR) * HOUR;
		const dated = await announce('On the bench', { starts_at, time_zone: 'Asia/Tokyo', recurrence: 'weekly', house: 'valves', about: 'We meet, and something smokes.\n\nBring what is broken.', topics: ['radio'], cohosts: ['ben'] });
		const undated = await announce('The long talk', { about: 'It comes when it comes.' });
		const asked = await announce('An evening of reading', {});
		const off = await announce('Called off', { starts_at });
		await ada.must('POST', `/api/events/${off}/cancel`, { json: { reason: 'The lamp is broken.' } });
		await ada.must('PUT', `/api/events/${asked}/poll`, { json: { times: [starts_at, starts_at + HOUR, starts_at + DAY] } });
		for (const one of [chen, dita]) await one.must('PUT', `/api/events/${asked}/poll/votes`, { json: { times: [starts_at + HOUR] } });
		for (const one of [chen, dita]) await one.must('PUT', `/api/events/${dated}/subscription`, { json: { going: true } });
		await look(reader, `/events/${dated}`, 'cohost-asked', 'event asked to host');
		await ben.must('POST', `/api/events/${dated}/cohost`);
		await look(host, `/events/${dated}`, 'event-manage', 'event dated as its host');
		await sheet(host, 'event-set-date', 'event moved');
		await sheet(host, 'event-cancel', 'event called off');
		await look(reader, `/events/${undated}`, 'event-when', 'event undated');
		await look(host, `/events/${undated}`, 'event-manage', 'event undated as its host');
		await look(host, `/events/${asked}`, 'event-poll', 'event poll as its host');
		await look(reader, `/events/${asked}`, 'event-poll', 'event poll');
		await look(reader, `/events/${off}`, 'event-when', 'event cancelled');
		await look(reader, '/events', 'events-undated', 'events');
		await sheet(reader, 'event-feeds', 'feeds of events', () => reader.click('calendar-make').then(() => reader.shows('calendar-address')));
	});

	await group.step('the event of an invitation, the hallway with what comes, the inbox', async () => {
		const { event } = (await ada.must('GET', `/api/invitations/${id}`)).body;
		await ben.must('PUT', `/api/events/${event}/subscription`, { json: { going: true } });
		await look(reader, `/events/${event}`, 'event-terms', 'event of an invitation');
		await look(reader, '/', 'up-next', 'hallway with what comes');
		await look(reader, '/houses/valves', 'own-events', 'events of a house');
		await look(reader, '/inbox', 'notice', 'inbox');
	});

	await group.step('an office: asked, held, with what was done; and who acts for somebody', async () => {
		await look(host, '/me/office', 'office-open', 'office none yet');
		await sheet(host, 'office-open', 'office asking', () => host.fill('office-title', 'press office'));
		const grant = { handle: 'ben', title: 'press office', rights: ['answer', 'schedule'], days: 90 };
		const made = (await ada.must('POST', '/api/me/office', { json: grant })).body.id;
		await look(reader, '/me/office', 'delegation-offered', 'office asked to act');
		await ben.must('POST', `/api/me/delegations/${made}`);
		const json = { invitee: { handle: 'ada' }, language: 'en', title: 'An hour on paper', text: 'I would like to talk with you about paper.' };
		const paper = (await chen.must('POST', '/api/invitations', { json })).body.id;
		await acts(ben, paper, 'need_details', { text: 'What exactly is proposed?' });
		await look(host, '/me/office', 'office-act', 'office with what was done');
		await look(reader, '/me/office', 'delegation-held', 'office of somebody');
		await look(reader, `/invitations/${paper}`, 'letter', 'letter as an office');
	});

	await group.step('domains: none, to be shown, held; and the profile with one', async () => {
		await look(host, '/me/domains', 'proof-add', 'domains none');
		const begin = async (domain, method) => (await ada.must('POST', '/api/me/proofs', { json: { domain, method } })).body;
		const proof = await begin('ada.example.org', 'dns');
		await begin('ada.example.com', 'rel_me');
		await look(host, '/me/domains', 'proof', 'domains to be shown');
		domains.says(proof.publish.name, proof.publish.value);
		await ada.must('POST', `/api/me/proofs/${proof.id}/check`);
		await look(host, '/me/domains', 'proof', 'domains held');
		await look(reader, '/people/ada', 'domain-seal', 'profile with a domain');
	});
}
