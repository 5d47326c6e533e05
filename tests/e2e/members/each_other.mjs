// What two members are to each other: following, hearing of each other, the hallway that knows it, a call, a block.

import { newId } from '../lib/api.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { arrives, browserOf, follow, found, guestOf, joinHouse, own, PHONE } from './scene.mjs';

/** The rooms of somebody's hallway, with the reasons that are shown, from the top. */
const hallwayOf = (person) =>
	person.page.locator('.rooms > li').evaluateAll((cards) =>
		cards.map((card) => ({
			room: card.querySelector('[data-room]').dataset.room,
			why: card.querySelector('.reasons')?.textContent.replace(/\s+/g, ' ').trim() ?? ''
		}))
	);

export async function eachOther(group) {
	const server = group.use(await Server.start(group.folder()));
	const ada = await own(server, 'ada', 'Ada');
	const ben = await guestOf(ada, 'ben', 'Ben');
	const chen = await guestOf(ada, 'chen', 'Chen');
	const dita = await guestOf(ada, 'dita', 'Dita', 'cs');
	const hers = await browserOf(group, server, 'ada', { client: ada });
	const his = await browserOf(group, server, 'ben', { client: ben, ...PHONE });

	await group.step('one follows the other on her page; she hears of it at once', async () => {
		await hers.goto(server.site);
		await hers.shows('nav-inbox');
		await his.goto(`${server.site}/people/ada`);
		await his.click('follow');
		await until('the bell to count', async () => (await (await hers.shows('unread')).textContent()) !== '');
		await hers.click('nav-inbox');
		await hers.page.getByTestId('notice').filter({ hasText: 'Ben follows you' }).waitFor();
		await hers.misses('unread');
	});

	await group.step('of three rooms the one of whom he follows is first, and each says why', async () => {
		await ben.must('PATCH', '/api/me', { json: { languages: ['en'] } });
		// The oldest is to be first, and the newest last: it is not age that decides.
		const followed = await ada.openRoom('Abendrunde', { language: 'de' });
		const stage = group.use(await ada.enter(followed));
		const language = await chen.openRoom('Small talk', { language: 'en' });
		group.use(await chen.enter(language));
		const other = await dita.openRoom('Večer', { language: 'cs' });
		group.use(await dita.enter(other));
		await his.goto(server.site);
		await until('the rooms in order', async () => {
			const seen = await hallwayOf(his);
			return JSON.stringify(seen.map(({ room }) => room)) === JSON.stringify([followed, language, other]);
		});
		const [first, second, third] = await hallwayOf(his);
		check(first.why.startsWith('Ada, whom you follow, is on stage'), `the reason of the first: ${first.why}`);
		check(second.why.startsWith('In a language you speak'), `the reason of the second: ${second.why}`);
		equal(third.why, '', 'the reason of the third');
		await stage.command({ type: 'end' });
		await until('the ended room to be gone', async () => (await hallwayOf(his)).every(({ room }) => room !== followed));
	});

	await group.step('one press to talk: it rings at her side, she accepts, and both are in a closed room', async () => {
		await his.click('talk-ada');
		const sheet = await hers.shows('call-sheet');
		await sheet.getByText('Ben would like to talk with you').first().waitFor();
		await hers.click('call-accept');
		const room = (await arrives(hers, /^\/room\//)).split('/').pop();
		await arrives(his, `/room/${room}`);
		await Promise.all([hers.entered(), his.entered()]);
		await hers.waitSees('ada', { role: 'speaker', mic: false });
		await his.waitSees('ada', { role: 'speaker' });
		for (const person of [hers, his]) await person.microphone(true);
		await Promise.all([hers.hears(his), his.hears(hers)]);
		equal((await ada.must('GET', `/api/rooms/${room}`)).body.kind, 'closed', 'the kind of the room');
		equal((await chen.request('GET', `/api/rooms/${room}`)).status, (await chen.request('GET', `/api/rooms/${newId()}`)).status, 'the room to a third');
		await his.click('more-button');
		await his.click('end-room');
		await his.click('end-room-confirm');
		await his.shows('room-over');
	});

	await group.step('she pings him into her room, by the keyboard, and he comes by the notice', async () => {
		const room = await ada.openRoom('Come over');
		await hers.goto(`${server.site}/room/${room}`);
		await hers.entered();
		await hers.click('more-button');
		await hers.page.getByTestId('open-ping').press('Enter');
		await hers.page.getByTestId('ping-find').fill('ben');
		await hers.page.getByTestId('ping-ben').press('Space');
		await hers.page.getByTestId('ping-send').press('Enter');
		await until('her to be told', async () => (await hers.page.getByTestId('ping-said').textContent()).includes('1 person'));
		await his.goto(`${server.site}/inbox`);
		await his.page.getByTestId('notice').filter({ hasText: 'Ada asks you into “Come over”' }).getByRole('link').first().click();
		await arrives(his, `/room/${room}`);
		await his.entered();
	});

	let shared;
	await group.step('a block: in the room they share, he is out of hers', async () => {
		await follow(ada, 'ben', 'dita');
		await follow(ben, 'dita');
		await found(chen, 'attic', 'The attic');
		for (const one of [ada, ben]) await joinHouse(one, 'attic');
		shared = await ada.openRoom('Here with me');
		const stage = group.use(await ada.enter(shared));
		await his.goto(`${server.site}/room/${shared}`);
		await his.entered();
		await hers.goto(`${server.site}/people/ben`);
		await hers.click('person-more');
		await hers.click('person-block');
		await hers.click('block-sure');
		await arrives(hers, '/');
		await until('him to be out', () => his.evaluate(() => document.querySelector('[data-testid=connection-state]')?.dataset.state !== 'connected'));
		await until('her to see him gone', () => stage.snapshot.seq > 2 && stage.snapshot.audience.count === 0);
		check(stage.bye() === undefined, 'she had to leave her own room');
	});

	await group.step('they are invisible to each other everywhere', async () => {
		for (const [me, other] of [
			[ada, 'ben'],
			[ben, 'ada']
		]) {
			const there = await me.request('GET', `/api/members/${other}`);
			const nobody = await me.request('GET', '/api/members/nobody_at_all');
			equal([there.status, there.body], [nobody.status, nobody.body], `${other} to ${me.me.handle}, and somebody invented`);
			for (const [method, path, json] of [
				['PUT', 'follow', {}],
				['GET', 'followers'],
				['PUT', 'mute']
			]) {
				const at = (handle) => me.request(method, `/api/members/${handle}/${path}`, { json });
				const [one, none] = [await at(other), await at('nobody_at_all')];
				equal([one.status, one.body], [none.status, none.body], `${method} ${path} of ${other}`);
			}
			const call = (handle) => me.request('POST', '/api/calls', { json: { handle } });
			const [one, none] = [await call(other), await call('nobody_at_all')];
			equal([one.status, one.body], [none.status, none.body], `calling ${other}`);
			for (const path of [
				`/api/search?q=${other}`,
				'/api/rooms',
				'/api/suggestions',
				'/api/members/dita/followers',
				'/api/houses/attic/members',
				'/api/notices'
			]) {
				const { body } = await me.must('GET', path);
				check(!JSON.stringify(body).includes(`"handle":"${other}"`), `${me.me.handle} finds ${other} by ${path}`);
			}
		}
		const [hidden, invented] = [await ben.request('GET', `/api/rooms/${shared}`), await ben.request('GET', `/api/rooms/${newId()}`)];
		equal([hidden.status, hidden.body], [invented.status, invented.body], 'her room to him, and an invented one');
	});

	await group.step('and the pages say so: no profile, no result, no room, nobody here', async () => {
		for (const [person, other, room] of [
			[his, 'ada', shared],
			[hers, 'ben', null]
		]) {
			await person.goto(`${server.site}/people/${other}`);
			await person.shows('profile-missing');
			await person.goto(`${server.site}/search?q=${other}`);
			await person.shows('search-none');
			await person.goto(server.site);
			await person.shows('room-card');
			equal(await person.page.getByTestId(`online-${other}`).count(), 0, `${other} among people who are here`);
			if (room) check((await hallwayOf(person)).every((card) => card.room !== room), 'her room stands in his hallway');
		}
	});

	await group.step('she takes the block back in her settings', async () => {
		await hers.goto(`${server.site}/me/hidden`);
		await hers.page.getByRole('button', { name: 'Unblock Ben' }).click();
		await until('him to be there again', async () => (await ada.request('GET', '/api/members/ben')).status === 200);
	});
}
