// Somebody who acts for a member: openly as their office, within what was granted, until it is taken back; and never as them.

import { equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, PHONE } from '../members/scene.mjs';
import { acts, has, invitation, line, says, tries } from './scene.mjs';

const QUESTION = 'What exactly is proposed?';

export async function offices(group) {
	const server = group.use(await Server.start(group.folder()));
	const [hugo, xenia, dora, eva] = [
		await server.member('hugo', 'Hugo Lind'),
		await server.member('xenia', 'Xenia Ward'),
		await server.member('dora', 'Dora Quill'),
		await server.member('eva', 'Eva Stone')
	];
	const principal = await browserOf(group, server, 'xenia', { client: xenia });
	const delegate = await browserOf(group, server, 'dora', { client: dora, ...PHONE });
	const reader = await browserOf(group, server, 'eva', { client: eva });
	const at = (path) => `${server.site}${path}`;
	const notices = async (client, kind) => (await client.must('GET', '/api/notices')).body.items.filter((one) => one.kind === kind);
	let asked;

	await group.step('a member asks somebody to be their press office, who accepts', async () => {
		await principal.goto(at('/me/office'));
		await principal.click('office-open');
		await principal.fill('office-handle', '@dora');
		await principal.fill('office-title', 'press office');
		await principal.page.getByTestId('office-right-schedule').uncheck();
		has(await principal.page.getByTestId('office-sheet').textContent(), 'the sheet', 'The office of Xenia Ward (press office)', 'They never speak, vote or follow as you');
		await principal.click('office-offer');
		await principal.page.locator('[data-testid=office-grant][data-state=offered]').waitFor();
		await delegate.goto(at('/inbox'));
		await delegate.page.getByTestId('notice').filter({ hasText: 'Xenia' }).getByRole('link').first().click();
		await delegate.click('delegation-accept');
		await delegate.shows('delegation-held');
		await principal.page.reload();
		await principal.page.locator('[data-testid=office-grant][data-state=held]').waitFor();
	});

	await group.step('an invitation to that member is shown to the office, which answers it', async () => {
		const json = { invitee: { handle: 'xenia' }, language: 'en', title: 'An hour on paper', text: 'I would like to talk with you about paper.' };
		asked = (await hugo.must('POST', '/api/invitations', { json })).body.id;
		for (const client of [xenia, dora]) {
			await until(`${client.me.handle} to be told`, async () => (await notices(client, 'invitation_asked')).length === 1);
		}
		await delegate.goto(at('/invitations?box=office'));
		await delegate.page.getByTestId('invitation-card').filter({ hasText: 'An hour on paper' }).click();
		has(await (await delegate.shows('acts')).textContent(), 'what the office may do', 'Xenia');
		// What was not granted is not offered, and refused.
		equal(await delegate.page.getByTestId('act-propose_time').count(), 0, 'ways to propose a time');
		equal((await tries(dora, asked, 'propose_time', { times: [Date.now() + 86_400_000] })).code, 'not_allowed', 'proposing a time all the same');
		await says(delegate, 'need_details', QUESTION);
	});

	await group.step('everybody reads “the office of Xenia”; who it was is shown to the two of them alone', async () => {
		for (const [person, name] of [
			[principal, true],
			[delegate, true],
			[reader, false]
		]) {
			await person.goto(at(`/invitations/${asked}`));
			const { voice, text } = await line(person, 'need_details');
			equal([voice, text.includes('The office of Xenia Ward'), text.includes('Dora')], ['office', true, name], `the line as ${person.handle} reads it`);
		}
		for (const client of [hugo, eva, null]) {
			const path = `/api/invitations/${asked}`;
			const { body } = await eva.must('GET', path, { token: client?.token ?? null });
			const { voice } = body.steps.find(({ kind }) => kind === 'need_details');
			equal([voice.kind, voice.office_of.handle, voice.delegate, voice.person], ['office', 'xenia', null, null], `the voice to ${client?.me.handle ?? 'a visitor'}`);
			for (const mark of ['dora', 'Dora', dora.me.id]) equal(JSON.stringify(body).includes(mark), false, `${mark} in what ${client?.me.handle ?? 'a visitor'} gets`);
		}
		const told = await notices(hugo, 'invitation_answered');
		equal(told.map(({ actor }) => actor), [null], 'who answered, as the host is told');
		for (const path of [`/invitations/${asked}`, `/invitations/${asked}.atom`]) {
			const page = await (await fetch(at(path))).text();
			has(page, path, 'office of Xenia Ward');
			equal(page.includes('Dora'), false, `her name at ${path}`);
		}
	});

	await group.step('the member reads in a log of their own what was done for them', async () => {
		await principal.goto(at('/me/office'));
		const act = await principal.shows('office-act');
		equal(await act.getAttribute('data-kind'), 'need_details', 'what was done');
		has(await act.textContent(), 'the log', 'Asked for details', QUESTION, 'Dora Quill');
		equal((await dora.must('GET', '/api/me/office/acts')).body.items, [], 'the log of the delegate, for whom nobody acts');
	});

	await group.step('there is no way to speak, vote or follow as the member: what the delegate does is their own', async () => {
		for (const [method, path, json] of [
			['PUT', '/api/members/hugo/follow', { as: 'xenia' }],
			['POST', '/api/rooms', { title: 'As Xenia', kind: 'open', host: xenia.me.id }],
			['PUT', `/api/invitations/${asked}/question`, { text: 'As whom?', of: xenia.me.id }],
			['POST', `/api/invitations/${asked}/replies`, { text: 'As whom?', office_of: xenia.me.id }],
			['POST', '/api/events', { title: 'As Xenia', host: 'xenia' }]
		]) {
			equal((await dora.request(method, path, { json })).code, 'bad_request', `${method} ${path} with somebody else named`);
		}
		await dora.must('PUT', '/api/members/hugo/follow', { json: {} });
		equal((await xenia.must('GET', '/api/members/hugo')).body.you.follows, false, 'whether she follows him now');
		const room = await hugo.openRoom('Paper');
		const host = group.use(await hugo.enter(room));
		const socket = group.use(await dora.enter(room));
		equal([socket.snapshot.you.person.handle, socket.snapshot.you.role], ['dora', 'listener'], 'who she is in a room');
		await until('her to be seen there', () => host.events().some(({ event }) => event.person?.handle === 'dora'));
		equal(host.events().some(({ event }) => event.person?.handle === 'xenia'), false, 'whether Xenia was seen there');
		host.close();
		socket.close();
		equal((await xenia.must('GET', '/api/me/office/acts')).body.items.length, 1, 'acts in the log');
	});

	await group.step('who may vouch for guests makes a link as the office, which the guest and the log say', async () => {
		const office = await xenia.must('POST', '/api/me/office', { json: { handle: 'eva', title: 'front desk', rights: ['guests'], days: 1 } });
		await eva.must('POST', `/api/me/delegations/${office.body.id}`);
		const room = await xenia.openRoom('On the record');
		const host = group.use(await xenia.enter(room));
		await reader.goto(at(`/room/${room}`));
		await reader.entered();
		await reader.click('more-button');
		await reader.click('open-guests');
		await reader.click('guest-new');
		await reader.fill('guest-name', 'Gus');
		await reader.click('guest-make');
		const link = await (await reader.shows('guest-link')).inputValue();
		const shown = (await eva.must('GET', `/api/guest-links/${link.split('/').pop()}`, { token: null })).body;
		equal([shown.by.handle, shown.office], ['xenia', true], 'who asks the guest');
		const [act] = (await xenia.must('GET', '/api/me/office/acts')).body.items;
		equal([act.kind, act.note, act.subject, act.delegate.handle], ['guest_asked', 'Gus', room, 'eva'], 'the last act in the log');
		await principal.goto(at('/me/office'));
		has(await principal.page.getByTestId('office-act').first().textContent(), 'the log', 'Made a link for a guest', 'Gus', 'Eva Stone');
		await xenia.must('DELETE', `/api/me/office/${office.body.id}`);
		host.close();
	});

	await group.step('a delegate who gives it to themselves: both sides at once is refused', async () => {
		const own = await dora.request('POST', '/api/invitations', { json: { invitee: { handle: 'xenia' }, language: 'en', title: 'Mine', text: 'And mine.' } });
		equal(own.status, 201, 'inviting the one for whom she acts');
		equal((await tries(dora, own.body.id, 'accept')).status >= 400, true, 'answering herself');
		equal((await invitation(eva, own.body.id)).state, 'asked', 'how it stands');
	});

	await group.step('the member takes it back: an open page is refused, and says so', async () => {
		await acts(hugo, asked, 'give_details', { text: 'An hour.' });
		await delegate.goto(at(`/invitations/${asked}`));
		await delegate.click('act-accept');
		await delegate.shows('act-form');
		await principal.goto(at('/me/office'));
		await principal.click('office-revoke');
		await principal.click('office-revoke-sure');
		await principal.misses('office-grants');
		await delegate.click('act-send');
		await delegate.page.getByTestId('act-form').getByRole('alert').waitFor();
		equal((await tries(dora, asked, 'accept')).code, 'not_allowed', 'answering after that');
		equal((await invitation(eva, asked)).state, 'asked', 'how it stands');
		await delegate.page.reload();
		await delegate.shows('standing');
		equal(await delegate.page.getByTestId('acts').count(), 0, 'what is offered to her');
		equal((await line(delegate, 'need_details')).text.includes('Dora'), true, 'her name, to her, on what she did');
		equal((await dora.must('GET', '/api/invitations?box=office')).body.items, [], 'invitations that wait for her office');
	});
}
