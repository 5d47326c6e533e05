// The talk that comes of an invitation: its room keeps to the talk sheet, the guest comes by a link, the ranked questions are there, and
// afterwards the invitation says what came of it.

import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { allTold, has, invitation } from './scene.mjs';

/** The last steps of the story; `story` is what the ones before made. */
export async function talk(story) {
	const { group, server, clients, ada, ben, office, english, id, event } = story;
	const subscribers = [clients.ben, clients.chen, clients.dita];
	let room;

	await group.step('the room opens from the event, with its terms, and everybody who wanted to be told is', async () => {
		await ada.goto(`${server.site}/events/${event}`);
		await ada.click('event-open');
		room = await until('the room', async () => /\/room\/([0-9a-z]{26})/.exec(await ada.evaluate(() => location.pathname))?.[1]);
		await ada.entered();
		has(await (await ada.shows('terms-mark')).textContent(), 'the terms', 'Not recorded', 'Ada', 'Chen', 'one guest');
		await seen(ada, 'story room with its terms');
		await ada.click('terms-mark');
		await ada.shows('terms-sheet');
		await seen(ada, 'story terms');
		await ada.dismiss();
		story.told.push('live');
		await allTold(subscribers, event, story.told);
		await ben.goto(`${server.site}/events/${event}`);
		await ben.click('event-come-in');
		await ben.entered();
		await ben.shows('terms-mark');
	});

	await group.step('nobody comes on stage whom the sheet does not name, and nothing can be kept', async () => {
		await ben.raiseHand('May I come up?');
		await until('the hand', async () => (await ada.attribute('hands-button', 'data-count')) === '1');
		await ada.click('hands-button');
		await ada.shows('hands-terms');
		check(await ada.page.getByTestId('hand-accept').first().isDisabled(), 'a hand could be taken of somebody whom the sheet does not name');
		await ada.dismiss();
		// A client of another making is told the same.
		const dita = group.use(await clients.dita.enter(room));
		const second = group.use(await clients.chen.enter(room));
		await ada.act('chen', 'offer');
		equal((await second.command({ type: 'accept_offer' })).error, undefined, 'the answer to chen, who is named');
		await ada.waitSees('chen', { role: 'speaker' });
		await ada.act('chen', 'make-moderator');
		await ada.waitSees('chen', { role: 'moderator' });
		const refused = await second.command({ type: 'offer_stage', member: clients.dita.me.id });
		equal(refused.error?.code, 'not_in_sheet', 'the answer to asking somebody up whom it does not name');
		await ada.click('more-button');
		await ada.click('open-run');
		check(await (await ada.shows('switch-evidence')).isDisabled(), 'the last minute could be kept');
		await ada.dismiss();
		dita.close();
	});

	await group.step('the guest comes from the page of the invitation through the green room, and is heard on stage', async () => {
		await office.goto(`${server.site}/invitations/${id}`);
		await office.click('correspondent-come');
		await office.click('guest-ask');
		await until('the guest to wait', async () => (await office.attribute('green-room', 'data-state')) === 'waiting');
		await ada.click('guest-admit');
		await office.entered();
		await ada.waitSees('guest', { role: 'speaker' });
		await ada.microphone(true);
		await office.microphone(true);
		await Promise.all([ada.hears(office), ben.hears(office), office.hears(ada)]);
	});

	await group.step('the questions are in the order in which they were ranked; one is taken, shown to all, and answered', async () => {
		await ada.click('questions-button');
		const sheet = await ada.shows('questions-sheet');
		await seen(ada, 'story questions');
		const asked = await sheet.locator('li').allTextContents();
		equal(asked.length, 2, 'the questions');
		has(asked[0], 'the first', 'Who pays the toll?', '2 votes');
		has(asked[1], 'the second', 'Which bridge did you cross first?');
		equal(await ben.page.getByTestId('questions-button').count(), 0, 'ways to them for a listener');
		await sheet.getByTestId('question-1').getByTestId('question-take').click();
		for (const person of [ada, ben, office]) has(await (await person.shows('question-card')).textContent(), `the card of ${person.handle}`, 'Who pays the toll?', 'Chen Li');
		await seen(ada, 'story question of the host');
		await seen(ben, 'story question of a listener');
		await ada.click('question-card-answered');
		await ben.misses('question-card');
	});

	await group.step('the room ends; the event is over, and the invitation links what came of it', async () => {
		await ada.click('more-button');
		await ada.click('end-room');
		await ada.click('end-room-confirm');
		await ada.shows('room-over');
		await until('the end of the event', async () => (await clients.ada.must('GET', `/api/events/${event}`)).body.state === 'ended');
		story.told.push('ended');
		await allTold(subscribers, event, story.told);
		const now = await invitation(clients.ada, id);
		equal([now.state, now.rooms, now.event], ['done', [room], event], 'the invitation');
		equal(now.steps.slice(-2).map(({ kind, voice, subject }) => [kind, voice.kind, subject]), [['opened', 'system', room], ['ended', 'system', room]], 'its last steps');
		const { items } = (await clients.ada.must('GET', `/api/invitations/${id}/questions`)).body;
		equal(items.map(({ text, answered_at }) => [text, answered_at !== null]), [['Who pays the toll?', true], ['Which bridge did you cross first?', false]], 'the questions');
		await ada.goto(`${server.site}/invitations/${id}`);
		const links = await (await ada.shows('outcome')).getByRole('link').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
		equal(new Set(links), new Set([`/events/${event}`, `/room/${room}`]), 'what came of it');
		await until('readers to see it', async () => {
			await english.page.goto(`${server.site}/invitations/${id}`);
			const text = await english.page.locator('main').textContent();
			has(text, 'the page', 'the talk was held', 'The talk ended.', 'answered', 'What came of it');
			return true;
		});
	});

	await group.step('another talk has no date yet: the page says so, the feed tells of it, and no calendar has it', async () => {
		await ada.goto(`${server.site}/events/new`);
		await ada.fill('event-title', 'The long talk');
		await ada.fill('event-about', 'It comes when it comes.');
		await ada.click('event-make');
		const undated = await until('the event', async () => /^\/events\/([0-9a-z]{26})$/.exec(await ada.evaluate(() => location.pathname))?.[1]);
		has(await (await ada.shows('event-when')).textContent(), 'the place of the date', 'no date yet');
		await ben.goto(`${server.site}/events/${undated}`);
		equal(await ben.page.getByTestId('event-going').count(), 0, 'ways to say that one comes');
		await ben.click('event-tell');
		await until('the bell', async () => (await clients.ben.must('GET', `/api/events/${undated}`)).body.subscription !== null);
		await english.page.goto(`${server.site}/events/${undated}`);
		has(await english.page.locator('main').textContent(), 'the page without scripts', 'The long talk', 'no date yet');
		const feed = async (path) => (await fetch(`${server.site}${path}`)).text();
		has(await feed('/events.atom'), 'the feed', `${server.site}/events/${undated}`, 'The long talk');
		for (const path of ['/events.ics', `/events/${undated}.ics`]) {
			const calendar = await feed(path);
			has(calendar, path, 'BEGIN:VCALENDAR');
			check(!calendar.includes('The long talk\r\nURL') && !calendar.includes(`UID:${undated}`), `${path} has an event without a date: ${calendar}`);
		}
		check(!(await feed(`/events/${undated}.ics`)).includes('BEGIN:VEVENT'), 'its own calendar has an event');
	});
}
