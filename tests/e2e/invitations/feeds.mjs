// Feeds as other people's programs read them: Atom by feedparser, calendars by icalendar.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { check, equal, ROOT, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { follow, found, joinHouse, own } from '../members/scene.mjs';
import { acts, asks, DAY, HOUR, INVITEE, LETTER, MINUTE, PYTHON } from './scene.mjs';

const READER = join(ROOT, 'tests/e2e/invitations/feeds.py');
/** A place whose clocks change twice a year. */
const BERLIN = 'Europe/Berlin';
const EVENING = '19:00';

/** What a program makes of a feed. */
function read(kind, text) {
	return JSON.parse(execFileSync(PYTHON, [READER, kind], { input: text }));
}

/** What a clock in Berlin shows. */
const clock = (at) => new Date(at).toLocaleTimeString('de-DE', { timeZone: BERLIN, hour: '2-digit', minute: '2-digit' });

/** The last evening at seven before the clocks in Berlin change the next time, some weeks from now. */
function beforeTheChange(from) {
	const offset = (at) => new Date(at).toLocaleString('en', { timeZone: BERLIN, timeZoneName: 'shortOffset' }).split(' ').pop();
	let at = Math.ceil((from + 8 * DAY) / HOUR) * HOUR;
	while (clock(at) !== EVENING) at += HOUR;
	while (offset(at + DAY) === offset(at)) at += DAY;
	return at;
}

export async function feeds(group) {
	const server = group.use(await Server.start(group.folder()));
	const ada = await own(server, 'ada', 'Ada Oyelaran');
	const ben = await server.member('ben', 'Ben Whitlock');
	const get = (path, headers = {}) => fetch(new URL(path, server.site), { headers });
	const atom = async (path) => {
		const answer = await get(path);
		equal([answer.status, answer.headers.get('content-type').split(';')[0]], [200, 'application/atom+xml'], path);
		const feed = read('atom', await answer.text());
		equal([feed.wrong, feed.version], [null, 'atom10'], `${path}, as it is read`);
		// What every feed and every entry has to have (RFC 4287, sections 4.1.1 and 4.1.2).
		for (const part of [feed, ...feed.entries]) {
			check(part.id?.startsWith(`${server.site}/`), `the id ${part.id} of ${path}`);
			check(part.title && !Number.isNaN(Date.parse(part.updated)), `the title ${part.title} or the time ${part.updated} of ${path}`);
			check(part.links.some(([rel]) => rel === 'alternate'), `${part.title} of ${path} leads to no page`);
		}
		check(feed.links.some(([rel, href]) => rel === 'self' && href === `${server.site}${path}`), `${path} does not say where it is`);
		for (const entry of feed.entries) check(entry.authors.length > 0 && entry.authors.every(Boolean), `${entry.title} of ${path} is by nobody`);
		equal(new Set(feed.entries.map(({ id }) => id)).size, feed.entries.length, `ids of ${path} that are unlike`);
		return feed;
	};
	const calendar = async (path) => {
		const answer = await get(path);
		equal([answer.status, answer.headers.get('content-type').split(';')[0]], [200, 'text/calendar'], path);
		const feed = read('calendar', await answer.text());
		equal([feed.wrong, feed.version, feed.events.flatMap(({ wrong }) => wrong)], [[], '2.0', []], `${path}, as it is read`);
		// Nothing but events: programs show nothing else.
		check(feed.kinds.every((kind) => kind === 'VEVENT'), `${path} has ${feed.kinds}`);
		equal(new Set(feed.events.map(({ uid }) => uid)).size, feed.events.length, `ids of ${path} that are unlike`);
		return feed;
	};
	const announce = async (who, title, more = {}) => (await who.must('POST', '/api/events', { json: { title, ...more } })).body;
	const one = async (title, path = '/events.ics') => (await calendar(path)).events.find((event) => event.title === title) ?? null;
	const start = Math.ceil((Date.now() + 3 * DAY) / MINUTE) * MINUTE;
	let dated, undated;

	await group.step('a talk without a date is in the feed and in no calendar; one with a date is in both', async () => {
		undated = await announce(ada, 'The long talk; tea, & <b>biscuits</b>', { about: 'It comes when it comes.', topics: ['tea'] });
		dated = await announce(ada, 'On bridges', { starts_at: start, minutes: 45, time_zone: BERLIN });
		const feed = await atom('/events.atom');
		equal(feed.entries.length, 2, 'entries');
		check(feed.entries.some(({ title }) => title.includes(undated.title)), `the talk without a date is not in ${JSON.stringify(feed.entries)}`);
		const { events } = await calendar('/events.ics');
		equal(events.map(({ title }) => title), ['On bridges'], 'events in the calendar');
		equal([events[0].starts_at, events[0].ends_at, events[0].status], [start, start + 45 * MINUTE, 'CONFIRMED'], 'its times and how it stands');
		equal(events[0].url, `${server.site}/events/${dated.id}`, 'its page');
		equal((await calendar(`/events/${undated.id}.ics`)).events, [], 'the calendar of the talk without a date');
		equal((await calendar(`/events/${dated.id}.ics`)).events.length, 1, 'the calendar of the other');
	});

	await group.step('moved, it is the same event with a higher number; without its date it is gone; called off, it says so', async () => {
		const before = await one('On bridges');
		await ada.must('POST', `/api/events/${dated.id}/date`, { json: { starts_at: start + HOUR } });
		const moved = await one('On bridges');
		equal([moved.uid, moved.starts_at], [before.uid, start + HOUR], 'its id and time');
		check(moved.sequence > before.sequence, `the number went from ${before.sequence} to ${moved.sequence}`);
		await ada.must('POST', `/api/events/${dated.id}/date`, { json: { starts_at: null } });
		equal(await one('On bridges'), null, 'the event without its date');
		await ada.must('POST', `/api/events/${dated.id}/date`, { json: { starts_at: start + 2 * HOUR } });
		await ada.must('POST', `/api/events/${dated.id}/cancel`, { json: { reason: 'The bridge is closed.' } });
		const off = await one('On bridges');
		equal([off.uid, off.status], [before.uid, 'CANCELLED'], 'its id and how it stands');
		check(off.sequence > moved.sequence, `the number went from ${moved.sequence} to ${off.sequence}`);
		const { entries } = await atom('/events.atom');
		const about = entries.filter(({ links }) => links.some(([, href]) => href.endsWith(dated.id)));
		equal(about.length, 5, 'entries about it: announced, moved, without a date, with one again, called off');
		check(about[0].summary.includes('The bridge is closed.'), `the newest of them says ${about[0].summary}`);
	});

	await group.step('what comes again every week is at the same time by the clock after the clocks have changed', async () => {
		const first = beforeTheChange(Date.now());
		const { id } = await announce(ada, 'Every week', { starts_at: first, time_zone: BERLIN, recurrence: 'weekly' });
		await ada.must('POST', `/api/events/${id}/cancel`, { json: { reason: 'Not this week.' } });
		const next = await until('the next one', async () => {
			const { items } = (await ada.must('GET', '/api/events?box=mine')).body;
			return items.find((event) => event.title === 'Every week' && event.id !== id && event.state === 'dated');
		});
		check(next.starts_at !== first + 7 * DAY, 'the clocks do not change between the two');
		equal([clock(first), clock(next.starts_at)], [EVENING, EVENING], 'what the clock shows');
		const both = (await calendar('/events.ics')).events.filter(({ title }) => title === 'Every week');
		equal(both.map(({ starts_at, status }) => [starts_at, status]).sort(), [[first, 'CANCELLED'], [next.starts_at, 'CONFIRMED']].sort(), 'both in the calendar');
	});

	await group.step('a house and a person have feeds of their own; what is private has none, like what is not there', async () => {
		await found(ada, 'valves', 'Valves and wires');
		await found(ada, 'attic', 'The attic', { private: true });
		await announce(ada, 'In the house', { house: 'valves', starts_at: start });
		await announce(ada, 'In the attic', { house: 'attic', starts_at: start });
		equal((await calendar('/houses/valves/events.ics')).events.map(({ title }) => title), ['In the house'], 'events of the house');
		check((await atom('/houses/valves/events.atom')).entries[0].title.includes('In the house'), 'the feed of the house');
		equal(await one('In the attic'), null, 'what is private, in the calendar of everything');
		check(!JSON.stringify(await atom('/events.atom')).includes('In the attic'), 'what is private is in the feed of everything');
		for (const ending of ['atom', 'ics']) {
			const [hidden, missing] = [await get(`/houses/attic/events.${ending}`), await get(`/houses/nowhere/events.${ending}`)];
			equal([hidden.status, await hidden.text()], [missing.status, await missing.text()], 'a private house, and none');
			const [shut, nobody] = [await get(`/people/ada/events.${ending}`), await get(`/people/nobody_at_all/events.${ending}`)];
			equal([shut.status, await shut.text()], [nobody.status, await nobody.text()], 'somebody whose profile is not for everybody, and nobody');
		}
		await ada.must('PATCH', '/api/me', { json: { public: true } });
		check((await calendar('/people/ada/events.ics')).events.some(({ title }) => title === 'In the house'), 'the calendar of a person');
		check((await atom('/people/ada/events.atom')).entries.length > 0, 'the feed of a person');
	});

	await group.step('the feed of an invitation has its steps, with who gave them', async () => {
		const { id } = await asks(ada);
		await ada.must('POST', `/api/invitations/${id}/link`);
		const feed = await atom(`/invitations/${id}.atom`);
		check(feed.title.includes(LETTER.title), `its title is ${feed.title}`);
		equal(feed.entries.map(({ authors }) => authors), [['Ada Oyelaran']], 'by whom its steps are');
		await acts(ada, id, 'withdraw');
		equal((await atom(`/invitations/${id}.atom`)).entries.length, 2, 'entries after that');
		check(!JSON.stringify(feed).includes(INVITEE.domain) || feed.entries[0].summary, 'an entry says nothing');
	});

	await group.step('a calendar of one’s own is behind an address that ends when its owner says so', async () => {
		await joinHouse(ben, 'valves');
		await follow(ben, 'ada');
		const secret = announce(ada, 'For Ben', { starts_at: start });
		await ben.must('PUT', `/api/events/${(await secret).id}/subscription`, { json: { going: true } });
		const { url } = (await ben.must('POST', '/api/me/calendar')).body;
		const path = new URL(url).pathname;
		check((await calendar(path)).events.some(({ title }) => title === 'For Ben'), 'what he goes to is not in his calendar');
		const again = await get(path);
		const kept = await get(path, { 'if-none-match': again.headers.get('etag') });
		equal([kept.status, await kept.text()], [304, ''], 'what has not changed since');
		await ben.must('DELETE', '/api/me/calendar');
		equal((await get(path)).status, 404, 'the address that was ended');
	});

	await group.step('what has not changed is not sent again', async () => {
		for (const path of ['/events.atom', '/events.ics', `/events/${undated.id}.ics`]) {
			const first = await get(path);
			await first.text();
			for (const [name, value] of [['if-none-match', first.headers.get('etag')], ['if-modified-since', first.headers.get('last-modified')]]) {
				check(value, `${path} does not say what to ask with by ${name}`);
				equal((await get(path, { [name]: value })).status, 304, `${path} with ${name}`);
			}
		}
	});
}
