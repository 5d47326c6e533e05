// Guarantee G7 for invitations and events: written, answered, agreed on and subscribed to by keyboard alone, with what changes read out.

import { hasFocus, press, says, tabTo } from '../lib/access.mjs';
import { equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, PHONE } from '../members/scene.mjs';
import { invitation } from './scene.mjs';

export async function keyboard(group) {
	const server = group.use(await Server.start(group.folder()));
	const [ada, ben] = [await server.member('ada', 'Ada Oyelaran'), await server.member('ben', 'Ben Whitlock')];
	const host = await browserOf(group, server, 'ada', { client: ada });
	const invitee = await browserOf(group, server, 'ben', { client: ben, ...PHONE });
	const type = async (person, id, words) => {
		await tabTo(person, id);
		await person.page.keyboard.type(words);
	};
	/** Opens an act's sheet, writes into it, and sends it. */
	const answer = async (person, act, words) => {
		await press(person, `act-${act}`);
		await person.shows('act-form');
		if (words) await type(person, 'act-words', words);
		await press(person, 'act-send');
		await person.misses('act-form');
	};
	let id;

	await group.step('a letter is written to a member', async () => {
		await host.goto(server.site);
		await press(host, 'nav-invitations');
		await press(host, 'invitation-new');
		await type(host, 'who-find', 'ben');
		await press(host, 'who-ben');
		await host.shows('who-chosen');
		await type(host, 'letter-title', 'On radios');
		await type(host, 'letter-text', 'Come and tell us about valves.');
		await press(host, 'letter-send');
		id = (await arrives(host, /^\/invitations\/[0-9a-z]{26}$/)).split('/').pop();
		equal((await invitation(ada, id)).invitee.person.handle, 'ben', 'to whom it is');
	});

	await group.step('the one who is asked hears of it, asks what is meant, and is told', async () => {
		await invitee.goto(`${server.site}/inbox`);
		await invitee.page.getByTestId('notice').getByRole('link').first().focus();
		await invitee.press('Enter');
		await arrives(invitee, `/invitations/${id}`);
		await answer(invitee, 'need_details', 'How long?');
		await says(invitee, 'Ada');
		await until('the host to see it', () => host.page.locator('[data-testid=step][data-kind=need_details]').count());
		await answer(host, 'give_details', 'An hour.');
	});

	await group.step('they say yes, and somebody subscribes to the talk, which has no date yet', async () => {
		await until('the answer', () => invitee.page.locator('[data-testid=step][data-kind=details_given]').count());
		await answer(invitee, 'accept', '');
		await says(invitee, 'no date yet');
		const { event } = await invitation(ada, id);
		await invitee.goto(`${server.site}/events/${event}`);
		await press(invitee, 'event-tell');
		await until('the bell', async () => (await ben.must('GET', `/api/events/${event}`)).body.subscription !== null);
		await hasFocus(invitee, 'event-tell');
	});

	await group.step('co-signing, a question and a vote', async () => {
		const [chen, dita] = [await server.member('chen', 'Chen Li'), await server.member('dita', 'Dita Králová')];
		await dita.must('PUT', `/api/invitations/${id}/question`, { json: { text: 'Which valve do you like best?' } });
		const other = await browserOf(group, server, 'chen', { client: chen });
		await other.goto(`${server.site}/invitations/${id}`);
		await press(other, 'cosign');
		await until('the name', async () => (await other.attribute('cosigns', 'data-count')) === '1');
		await hasFocus(other, 'cosign');
		await type(other, 'question-text', 'Which wire?');
		await press(other, 'question-ask');
		await other.shows('question-change');
		await press(other, 'question-vote');
		await until('the vote', async () => (await chen.must('GET', `/api/invitations/${id}/questions`)).body.items[0].voted);
		await hasFocus(other, 'question-vote');
		await other.close();
	});
}
