// The founding story: somebody known to many asks a head of state to come and talk, in two languages. The office answers by a link,
// without an account, proves its domain, and asks what exactly is proposed; a time and terms are agreed on; the talk is held.

import { ChromiumPerson } from '../lib/browser.mjs';
import { Domains } from '../lib/domains.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { ahead, allTold, has, hasCard, head, inZone, INVITEE, LETTER, line, MINUTE, reader, says } from './scene.mjs';
import { talk } from './talk.mjs';

const DETAILS = 'What exactly is proposed? The president does not use social networks himself.';
const ANSWER = 'An hour, in two languages, with people who listen and do not shout.';
/** Where the host and the office live. */
const [LONDON, MOSCOW] = ['Europe/London', 'Europe/Moscow'];

export async function story(group) {
	const folder = group.folder();
	const domains = group.use(await Domains.start(folder, [INVITEE.domain]));
	const server = group.use(await Server.start(folder, '127.0.0.1', domains.options));
	const clients = {};
	for (const [handle, name] of [['ada', 'Ada Oyelaran'], ['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['dita', 'Dita Králová']]) {
		clients[handle] = await server.member(handle, name);
	}
	const start = async (handle, hz, options) => {
		const person = group.use(await ChromiumPerson.launch(handle, hz, folder, { reducedMotion: 'reduce', ...options }));
		person.url = server.site;
		return person;
	};
	const ada = await start('ada', 440, { locale: 'en-GB', timezoneId: LONDON });
	const ben = await start('ben', 550);
	// The office has no account, and a browser in Russian.
	const office = await start('office', 660, { locale: 'ru-RU', timezoneId: MOSCOW });
	for (const person of [ada, ben]) await person.signIn(server.site, clients[person.handle]);
	const [english, russian] = [await reader(group, ben, 'en-GB'), await reader(group, ben, 'ru-RU')];
	const story = { group, server, clients, ada, ben, office, english, russian, id: '', event: '' };
	const at = (path = '') => `${server.site}/invitations/${story.id}${path}`;
	/** What a page says to somebody without an account. */
	const read = async (who) => {
		// What was made for the one before is kept for two seconds.
		const page = await until('the page', async () => (await who.page.goto(at(), { waitUntil: 'load' })).ok() && who.page);
		return page.locator('main').textContent();
	};
	/** Waits until somebody without an account reads these words. */
	const reads = (who, ...words) =>
		until(`${who.handle} to read ${words.join(', ')}`, async () => {
			const text = await read(who);
			has(text, 'the page', ...words);
			return true;
		});
	const field = async (person, n, when, zone) => person.page.getByTestId(`time-${n}`).fill(inZone(when, zone));

	await group.step('a host writes to somebody who has no account, in English with a Russian translation', async () => {
		await ada.goto(`${server.site}/invitations`);
		await ada.click('invitation-new');
		await ada.page.getByTestId('who-outside').check();
		await ada.fill('who-name', INVITEE.name);
		await ada.fill('who-about', INVITEE.about);
		await ada.fill('who-domain', INVITEE.domain);
		await ada.fill('letter-title', LETTER.title);
		await ada.fill('letter-text', LETTER.text);
		await ada.click('translation-add');
		await ada.page.getByTestId('translation-language').selectOption('ru');
		await ada.fill('translation-title-ru', LETTER.title_ru);
		await ada.fill('translation-text-ru', LETTER.text_ru);
		await ada.fill('letter-topics', 'bridges,');
		await ada.click('letter-preview');
		has(await (await ada.shows('preview')).textContent(), 'the preview', LETTER.title, INVITEE.name, 'who crosses them first');
		await ada.click('letter-send');
		const path = await until('the letter', async () => /^\/invitations\/([0-9a-z]{26})$/.exec(await ada.evaluate(() => location.pathname)));
		story.id = path[1];
		equal(await ada.attribute('standing', 'data-state'), 'asked', 'how it stands');
	});

	await group.step('it is read without an account and without scripts, each in their language, and says what it is', async () => {
		for (const [who, title, words, language] of [
			[english, LETTER.title, 'who crosses them first', 'en'],
			[russian, LETTER.title_ru, 'кто первым по ним идёт', 'ru']
		]) {
			has(await read(who), `the page in ${language}`, title, words, 'Ada Oyelaran', INVITEE.name, INVITEE.about);
			const said = await head(who);
			equal([said.language, said.title, said.url], [language, title, at()], 'the head');
			equal(said.languages, ['en', 'ru', 'x-default'], 'the languages that are offered');
			equal(said.data['@type'], 'Message', 'the type of the data for programs');
			equal([said.data.headline, said.data.inLanguage, said.data.sender.name], [title, language, 'Ada Oyelaran'], 'these data');
			check(said.feeds.includes('application/atom+xml'), 'no feed is named');
			await hasCard(said.image);
		}
		has(await read(russian), 'the page in Russian', 'Это перевод', 'ждёт ответа');
		await english.page.getByRole('link', { name: 'Русский' }).click();
		has(await english.page.locator('h1').textContent(), 'the title after choosing Russian', LETTER.title_ru);
		// Whoever reads neither gets what was written first.
		const german = await reader(group, ben, 'de-DE');
		await read(german);
		equal((await head(german)).language, 'en', 'the language of somebody who reads neither');
	});

	let link;
	await group.step('the host makes a link that works once; the office opens it in Russian, and nobody else can', async () => {
		await ada.click('answer-link-make');
		link = await (await ada.shows('answer-link')).inputValue();
		check(link.startsWith(`${server.site}/answer/`), `the link is ${link}`);
		await office.goto(link);
		has(await (await office.shows('answer-title')).textContent(), 'the title', LETTER.title_ru);
		await office.page.locator('[data-testid=answer-as-office] input').check();
		await office.click('answer-open');
		await until('the letter', async () => (await office.evaluate(() => location.pathname)) === `/invitations/${story.id}`);
		await office.shows('correspondent');
		equal(await office.evaluate(() => document.documentElement.lang), 'ru', 'the language of its page');
		await office.page.reload();
		await office.shows('correspondent');
		await ben.goto(link);
		await ben.shows('answer-gone');
	});

	await group.step('its question is shown to everybody as an unverified voice, and the host is told once', async () => {
		await says(office, 'need_details', DETAILS);
		equal((await line(office, 'need_details')).voice, 'unverified', 'the voice, to itself');
		const seen = await line(ada, 'need_details');
		equal(seen.voice, 'unverified', 'the voice, to the host');
		has(seen.text, 'the line', DETAILS, 'unverified');
		await reads(english, 'An unverified voice for President Orlov', DETAILS);
		await reads(russian, 'Неподтверждённый голос от имени: President Orlov');
		const notices = (await clients.ada.must('GET', '/api/notices')).body.items.filter(({ kind }) => kind === 'invitation_answered');
		equal(notices.map(({ actor, link }) => [actor, link]), [[null, `/invitations/${story.id}`]], 'what the host is told');
	});

	await group.step('it proves its domain by a file there, and what it said is shown with that proof', async () => {
		await office.click('prove-open');
		await office.shows('proof-form');
		equal(await office.page.getByTestId('proof-domain').inputValue(), INVITEE.domain, 'the domain that is suggested');
		await office.page.locator('[data-testid=proof-form] input[value=file]').check();
		await office.click('proof-begin');
		const [url, text] = await (await office.shows('proof-publish')).getByTestId('proof-part').allTextContents();
		equal(domains.asked, [], 'what the domain was asked before anybody said so');
		await office.click('proof-check');
		await office.shows('proof-trouble');
		domains.publishes(url, text);
		await office.click('proof-check');
		await office.page.locator('[data-testid=proof][data-state=holds]').waitFor();
		equal(new Set(domains.asked), new Set([`${INVITEE.domain}/.well-known/roomtone`]), 'what the domain was asked');
		await office.dismiss();
		await office.misses('proof-form');
		await ada.page.reload();
		const seen = await line(ada, 'need_details');
		equal(seen.voice, 'office', 'the voice, with the proof');
		has(seen.text, 'the line', 'The office of President Orlov', INVITEE.domain);
		await reads(english, 'The office of President Orlov', `shown to be ${INVITEE.domain} (a file on the site`);
		await reads(russian, `подтверждено доменом ${INVITEE.domain}`);
	});

	await group.step('the host says what was asked, and the office proposes two times of its own zone', async () => {
		await says(ada, 'give_details', ANSWER);
		await office.page.reload();
		has((await line(office, 'details_given')).text, 'the line', ANSWER);
		story.at = ahead(20 * MINUTE);
		await says(office, 'propose_time', '', async () => {
			await field(office, 1, story.at + 5 * 24 * 60 * MINUTE, MOSCOW);
			await office.click('time-add');
			await field(office, 2, story.at, MOSCOW);
		});
		const { proposal } = (await clients.ada.must('GET', `/api/invitations/${story.id}`)).body;
		equal(proposal, { by: 'invitee', times: [story.at, story.at + 5 * 24 * 60 * MINUTE] }, 'the times');
	});

	await group.step('one side writes the talk sheet, the other wants it otherwise, and both accept the same version', async () => {
		await office.page.reload();
		await office.click('sheet-write');
		await office.page.getByTestId('terms-minutes').fill('45');
		await office.page.getByTestId('terms-recorded').check();
		await office.click('terms-send');
		await office.shows('sheet-1');
		await ada.page.reload();
		await ada.shows('sheet-1');
		await ada.click('sheet-write');
		equal(await ada.page.getByTestId('terms-minutes').inputValue(), '45', 'what the new version begins with');
		await ada.page.getByTestId('terms-recorded').uncheck();
		await ada.fill('terms-others', '@chen,');
		await ada.click('terms-send');
		await ada.shows('sheet-2');
		await office.page.reload();
		await office.click('sheet-accept');
		await office.shows('sheet-agreed');
		const { sheet, sheets } = (await clients.ada.must('GET', `/api/invitations/${story.id}`)).body;
		equal([sheet, sheets.map(({ version, by, agreed_at }) => [version, by, agreed_at !== null])], [2, [[1, 'invitee', false], [2, 'host', true]]], 'the versions');
		await reads(english, 'Both sides accepted version 2', '45 minutes');
	});

	await group.step('others co-sign it, put questions, vote, and reply; how to reach them is for the host alone', async () => {
		await ben.goto(at());
		await ben.click('cosign');
		await until('his name', async () => (await ben.attribute('cosigns', 'data-count')) === '1');
		await ben.fill('question-text', 'Which bridge did you cross first?');
		await ben.click('question-ask');
		await ben.shows('question');
		for (const handle of ['chen', 'dita']) await clients[handle].must('PUT', `/api/invitations/${story.id}/cosign`);
		const put = await clients.chen.must('PUT', `/api/invitations/${story.id}/question`, { json: { text: 'Who pays the toll?' } });
		await clients.dita.must('PUT', `/api/questions/${put.body.id}/vote`);
		await ben.page.reload();
		await ben.click('question-vote');
		await until('his vote', async () => (await clients.ada.must('GET', `/api/invitations/${story.id}/questions`)).body.items[0].votes === 2);
		await ben.fill('reply-text', 'I can lend a quiet room.');
		await ben.fill('reply-contact-field', 'ben@example.net');
		await ben.click('reply-send');
		await ben.shows('reply');
		await ada.page.reload();
		has(await (await ada.shows('reply-contact')).textContent(), 'the reply to the host', 'ben@example.net');
		await reads(english, '3 people would like to hear it too', 'Which bridge did you cross first?', 'I can lend a quiet room.');
		const page = await (await fetch(at())).text();
		check(!page.includes('ben@example.net'), 'everybody reads how to reach him');
	});

	await group.step('the host agrees to a time: there is an event, and whoever co-signed is told', async () => {
		await says(ada, 'agree_time', '', async () => {
			await ada.page.getByTestId('act-form').getByRole('radio').first().check();
		});
		equal(await ada.attribute('standing', 'data-state'), 'accepted', 'how it stands');
		const now = (await clients.ada.must('GET', `/api/invitations/${story.id}`)).body;
		equal([now.date, now.turn], [story.at, null], 'its date, and whose turn it is');
		story.event = now.event;
		for (const handle of ['ben', 'chen', 'dita']) {
			const count = async () =>
				(await clients[handle].must('GET', '/api/notices')).body.items.filter(({ kind, subject }) => kind === 'invitation_accepted' && subject === story.id).length;
			await until(`${handle} to be told`, async () => (await count()) === 1);
		}
		await office.page.reload();
		const shown = await (await office.shows('standing')).textContent();
		has(shown, 'the date to the office', inZone(story.at, MOSCOW).slice(11));
		await ada.shows('outcome');
	});

	await group.step('whoever wants to hear of it is told once of each change: by the API, and in the inbox', async () => {
		await ben.goto(`${server.site}/events/${story.event}`);
		await ben.click('event-tell');
		await until('the bell', async () => (await clients.ben.must('GET', `/api/events/${story.event}`)).body.subscription !== null);
		for (const handle of ['chen', 'dita']) {
			await clients[handle].must('PUT', `/api/events/${story.event}/subscription`, { json: { going: true } });
		}
		story.at += 5 * MINUTE;
		await says(office, 'propose_time', 'Five minutes later, if you please.', () => field(office, 1, story.at, MOSCOW));
		await ada.page.reload();
		await says(ada, 'agree_time', '');
		story.told = ['moved'];
		await allTold([clients.ben, clients.chen, clients.dita], story.event, story.told);
		await ben.goto(`${server.site}/inbox`);
		await until('one notice of the change', async () => {
			const texts = await ben.page.getByTestId('notice').allTextContents();
			return texts.filter((text) => text.includes(LETTER.title)).length > 0 && texts;
		});
	});

	await talk(story);
}
