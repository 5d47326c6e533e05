// A place that is lived in: an owner, those whom they let in and whom these let in, who follow each other, a house,
// rooms, somebody who waits, a report. Made through the API; what is to be seen of it, browsers look at.

import { Client } from '../lib/api.mjs';
import { ChromiumPerson } from '../lib/browser.mjs';
import { check, until } from '../lib/harness.mjs';

/** Who let in whom; the owner is first. */
const TREE = [
	['ada', 'Ada Oyelaran', null],
	['ben', 'Ben Whitlock', 'ada'],
	['chen', 'Chen Li', 'ada'],
	['dita', 'Dita Králová', 'ben'],
	['emeka', 'Emeka Obi', 'ben'],
	['faina', 'Фаина Соколова', 'chen'],
	['gleb', 'Глеб Орлов', 'faina'],
	['hana', 'Hana Sato', 'dita'],
	['ines', 'Inês Duarte', 'dita'],
	['jonas', 'Jonas Berg', 'emeka']
];

/** The code of the link by which the first to come becomes the owner; the server prints it when it starts. */
export async function ownerCode(server) {
	const found = await until('the owner link in the log', () => /become its owner:\s+\S+\/join\/([0-9a-z]+)/.exec(server.log));
	return found[1];
}

/** The owner, signed in through the API. */
export async function own(server, handle = 'olga', name = 'Olga Owner') {
	const owner = await new Client(server.url).redeem(await ownerCode(server), handle, name);
	check(owner.me.owner, 'whoever came by the first link does not own the server');
	return owner;
}

/** The code of an invite of somebody's. */
export async function inviteOf(client, note = '') {
	const { link } = (await client.must('POST', '/api/invites', { json: { note, days: 30 } })).body;
	return new URL(link).pathname.split('/').pop();
}

/** Somebody new, let in by `sponsor`. */
export async function guestOf(sponsor, handle, name = handle, language = 'en') {
	return new Client(sponsor.url).redeem(await inviteOf(sponsor), handle, name, language);
}

/** The people of the tree; by handle, each signed in. */
export async function people(server) {
	const all = {};
	for (const [handle, name, sponsor] of TREE) {
		const language = /[а-я]/i.test(name) ? 'ru' : 'en';
		all[handle] = sponsor ? await guestOf(all[sponsor], handle, name, language) : await own(server, handle, name);
	}
	return all;
}

export const DESK = { viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce' };
export const PHONE = { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' };
/** A browser for somebody, signed in as `client` if one is given. */
export async function browserOf(group, server, handle, { client = null, ...options } = {}) {
	const person = group.use(await ChromiumPerson.launch(handle, 440, group.folder(), { ...DESK, ...options }));
	person.url = server.site;
	if (client) await person.signIn(server.site, client);
	return person;
}

/** Waits until a page of the site is shown: its path is, or matches, `path`. */
export const arrives = (person, path) =>
	until(`${person.handle} to be at ${path}`, async () => {
		const now = await person.evaluate(() => location.pathname);
		return (path instanceof RegExp ? path.test(now) : now === path) && now;
	});

export const follow = (who, ...handles) =>
	Promise.all(handles.map((handle) => who.must('PUT', `/api/members/${handle}/follow`, { json: {} })));

/** Founds a house. */
export const found = (who, handle, name, more = {}) =>
	who.must('POST', '/api/houses', {
		json: { handle, name, about: '', rules: '', language: 'en', private: false, nominated: false, ...more }
	});

export const joinHouse = (who, handle) =>
	who.must('PUT', `/api/houses/${handle}/membership`, { json: { rules_accepted: true } });

/** Everything a page of the place can show. Gives the people, and who waits for being waved in. */
export async function furnished(server) {
	const all = await people(server);
	const { ada, ben, chen, dita, emeka, faina, hana, ines, jonas } = all;
	await ada.must('PUT', '/api/admin/settings', {
		json: { name: 'Lamplight', languages: ['en', 'ru'], invites_per_member: 5, invite_days: 30, waitlist: true, mail: null }
	});
	await ben.must('PATCH', '/api/me', {
		json: {
			bio: 'Builds synthesizers out of broken radios and talks about it at length. Ask me about valves.',
			topics: ['music', 'radio', 'rust'],
			languages: ['en', 'de'],
			links: ['https://example.org/ben']
		}
	});
	await ada.must('PATCH', '/api/me', { json: { topics: ['rust'], languages: ['en', 'ru'] } });
	await follow(ada, 'ben', 'chen', 'faina', 'hana');
	await follow(ben, 'ada', 'dita');
	await follow(chen, 'ada', 'ben');
	await follow(dita, 'ada', 'ben');
	await follow(hana, 'ada', 'dita');
	await follow(jonas, 'ada');

	await found(ben, 'valves', 'Valves and wires', {
		about: 'People who would rather repair it. We meet on Thursdays, and whenever something smokes.',
		rules: 'Say what you do not know.\nNo selling.\nWhoever is new speaks first.'
	});
	for (const one of [ada, dita, emeka]) await joinHouse(one, 'valves');
	await found(chen, 'kitchen', 'The kitchen table', { about: 'Cooking while talking.' });
	await found(faina, 'vsluh', 'Вечер вслух', { about: 'Читаем вслух по очереди.', language: 'ru', nominated: true });
	await ben.must('POST', '/api/houses/valves/nominations', { json: { handle: 'jonas', note: 'He mends lifts.' } });

	await jonas.must('POST', '/api/reports', {
		json: { about: 'ines', room: null, house: null, reason: 'spam', text: 'Sells watches in every room she enters.' }
	});
	const stranger = new Client(server.url);
	await stranger.must('POST', '/api/waitlist', {
		json: { handle: 'kit', name: 'Kit Marlowe', note: 'Ben knows me from the radio club.', language: 'en' }
	});
	await ada.must('POST', '/api/admin/members/ines/suspend', { json: { branch: true, reason: 'Advertising, after two warnings.' } });
	await inviteOf(ada, 'For the neighbour with the accordion');
	return all;
}

/** Three rooms as they stand in the hallway of Ada; gives the control sockets and the ids. */
export async function rooms({ ben, chen, dita, emeka, faina, gleb, hana }) {
	const house = await ben.openRoom('What is on the bench this week', { house: 'valves', topics: ['radio'] });
	const russian = await faina.openRoom('Вечер вслух', { language: 'ru' });
	const rust = await emeka.openRoom('Rust and other pastimes', { topics: ['rust'] });
	const sockets = [];
	for (const [who, room] of [
		[ben, house],
		[dita, house],
		[faina, russian],
		[gleb, russian],
		[emeka, rust],
		[hana, rust],
		[chen, rust]
	]) {
		sockets.push(await who.enter(room));
	}
	return { house, russian, rust, sockets };
}
