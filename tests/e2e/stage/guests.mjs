// Guests, who come by a link and have no account, and members who are called up: the green room, being let in and turned
// away, sound, and the end of a pass. Moderators are in Chromium and in Firefox.

import { faultless, press, says } from '../lib/access.mjs';
import { ChromiumPerson, FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';
import { follow, found, joinHouse } from '../members/scene.mjs';

const RULES = 'Say what you do not know.';
const CONTEXT = 'You built the amplifier on the record yourself.';

/** A note that is half gone has no contrast: nothing moves while pages are looked at. */
const STILL = { reducedMotion: 'reduce' };

export async function guests(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const clients = {};
	for (const [handle, name] of [['ada', 'Ada Oyelaran'], ['ben', 'Ben Whitlock'], ['chen', 'Chen Li']]) {
		clients[handle] = await server.member(handle, name);
	}
	await found(clients.ada, 'valves', 'Valves and wires', { rules: RULES });
	for (const handle of ['ben', 'chen']) await joinHouse(clients[handle], 'valves');
	await follow(clients.ada, 'ben', 'chen');

	const ada = group.use(await ChromiumPerson.launch('ada', 440, folder, STILL));
	const ben = group.use(await FirefoxPerson.launch('ben'));
	const chen = group.use(await ChromiumPerson.launch('chen', 660, folder, STILL));
	for (const person of [ada, ben, chen]) await person.signIn(server.site, clients[person.handle]);
	/** Somebody without an account. */
	const visitor = async (name, hz) => {
		const person = group.use(await ChromiumPerson.launch(name, hz, folder, STILL));
		person.url = server.site;
		return person;
	};
	const open = async (person, entry) => {
		await person.click('more-button');
		await person.click(entry);
	};
	/** Makes a link for a guest through the page, and gives it. */
	const invite = async (name, context = '') => {
		await open(ada, 'open-guests');
		await ada.click('guest-new');
		await ada.fill('guest-name', name);
		await ada.fill('guest-context', context);
		await ada.click('guest-make');
		const link = await (await ada.shows('guest-link')).inputValue();
		await ada.dismiss();
		await ada.misses('guests-sheet');
		return link;
	};
	/** Where the green room stands. */
	const waits = (person) => until(`${person.handle} to wait`, async () => (await person.attribute('green-room', 'data-state')) === 'waiting');
	const knocks = async (person, link) => {
		await person.goto(link);
		await person.click('guest-ask');
		await waits(person);
	};
	const ended = async (person, code) => {
		await person.shows('guest-over');
		equal(await person.attribute('guest-over', 'data-code'), code, 'why the visit is over');
	};
	const [gast, nobody] = [await visitor('gast', 550), await visitor('nobody', 330)];
	// Last: a room that nobody comes to ends by itself.
	const room = await clients.ada.openRoom('On the bench', { house: 'valves' });
	await ada.enter(room);
	let link;

	await group.step('a host and a moderator in Firefox run the room; the host makes a link for one guest', async () => {
		await ben.enter(room);
		await ada.waitSees('ben', { role: 'listener' });
		await ada.act('ben', 'offer');
		await ben.click('offer-accept');
		await ada.waitSees('ben', { role: 'speaker' });
		await ada.act('ben', 'make-moderator');
		await ben.waitSees('ben', { role: 'moderator' });
		await open(ada, 'open-guests');
		await seen(ada, 'guests none yet');
		await ada.click('guest-new');
		await seen(ada, 'guests new link');
		await ada.fill('guest-name', 'Marianne');
		await ada.fill('guest-context', CONTEXT);
		await ada.click('guest-make');
		link = await (await ada.shows('guest-link')).inputValue();
		check(link.startsWith(`${server.site}/guest/`), `the link is ${link}`);
		await seen(ada, 'guests link made');
		await ada.click('guest-link-done');
		await until('the pass', async () => (await ada.attribute('guest-pass', 'data-state')) === 'unused');
		await seen(ada, 'guests passes');
		await ada.dismiss();
	});

	await group.step('the link says who invites to what, and by which rules; the guest hears themselves first', async () => {
		await gast.goto(link);
		for (const words of ['Ada', 'On the bench', 'Marianne', CONTEXT, RULES]) {
			await until(`the invitation to say ${words}`, async () => (await gast.page.getByRole('main').textContent()).includes(words));
		}
		await gast.click('sound-check');
		await gast.page.locator('.meter').waitFor();
		await seen(gast, 'guests invitation');
	});

	await group.step('in the green room nothing is sent or heard, and the moderators are told, on both browsers', async () => {
		await gast.click('guest-ask');
		await waits(gast);
		await Promise.all([ada, ben].map((moderator) => says(moderator, 'Marianne waits to come in as a guest')));
		for (const moderator of [ada, ben]) await moderator.shows('waiting-guest');
		await seen(gast, 'guests green room');
		await seen(ada, 'guests one waits');
		equal(await gast.evaluate(() => window.__probe.connections.length), 0, 'connections for sound in the green room');
		equal(await ada.sees('guest'), null, 'the guest in the room');
	});

	await group.step('nobody else can use the link', async () => {
		await nobody.goto(link);
		await nobody.shows('guest-gone');
		await seen(nobody, 'guests link is gone');
	});

	await group.step('the moderator in Firefox lets them in: they are on stage as a guest of the host, and all hear each other', async () => {
		await ben.click('guest-admit');
		await says(gast, 'You are in the room now');
		await gast.entered();
		for (const person of [ada, ben]) await person.waitSees('guest', { role: 'speaker' });
		const tile = await ada.page.getByTestId('person-guest').textContent();
		check(tile.includes('guest of Ada'), `the tile says ${tile}`);
		await ada.microphone(true);
		await gast.microphone(true);
		await ada.hears(gast);
		await ben.hears(gast);
		await gast.hears(ada);
		await seen(gast, 'guests in the room');
		await seen(ada, 'guests seen by the host');
		await ada.click('person-guest');
		await seen(ada, 'guests sheet about one');
		equal(await ada.page.getByTestId('action-profile').count(), 0, 'links to a profile');
		await ada.dismiss();
	});

	await group.step('the guest comes back at once after a reload, and is asked nothing', async () => {
		await gast.page.reload();
		await gast.entered();
		await ada.waitSees('guest', { role: 'speaker' });
		await gast.microphone(true);
		await ada.hears(gast);
	});

	await group.step('a guest is asked like everybody on stage whether what they say may be recorded', async () => {
		await open(ada, 'open-run');
		await ada.click('switch-recording');
		await ada.click('record-begin');
		await ada.dismiss();
		await ada.click('recording-no');
		await gast.shows('recording-ask');
		await seen(gast, 'recording question to a guest');
		await gast.click('recording-agree');
		await until('the guest to be recorded', () => ada.evaluate(() => window.__roomtone.room.stage.some((one) => one.recorded === 'agreed')));
		await open(ada, 'open-run');
		await ada.click('switch-recording');
		await ada.click('recording-stop');
		await ada.misses('recording-mark');
		await ada.dismiss();
	});

	await group.step('a guest who leaves can come back while the pass lasts', async () => {
		await gast.click('leave-button');
		await ended(gast, 'left');
		await seen(gast, 'guests left');
		await ada.misses('person-guest');
		await gast.click('guest-again');
		// Let in before, or to be let in again: both are honest, and a moderator is there.
		await until('the guest to be back', async () => {
			if (await ada.page.getByTestId('guest-admit').count()) await ada.page.getByTestId('guest-admit').click({ timeout: 500 });
			return (await ada.sees('guest')) !== null;
		});
		await gast.entered();
	});

	await group.step('a guest has no hallway, no pages and no members to look at', async () => {
		equal(await gast.page.getByTestId('room-minimise').count(), 0, 'ways to the hallway');
		await open(gast, 'open-sound');
		await faultless(gast, 'the sheet of a guest');
		await gast.dismiss();
		const codes = await gast.evaluate(() =>
			Promise.all(['/api/me', '/api/rooms', '/api/search?q=ada', '/api/members/ada'].map(async (path) => (await fetch(path)).status))
		);
		equal(codes, [401, 401, 401, 401], 'what a guest may read');
	});

	await group.step('when the pass is taken back the guest is out and silent', async () => {
		await open(ada, 'open-guests');
		await until('the pass', async () => (await ada.attribute('guest-pass', 'data-state')) === 'inside');
		await ada.click('guest-revoke');
		await ended(gast, 'pass_ended');
		await seen(gast, 'guests pass ended');
		await ada.dismiss();
		await ada.misses('person-guest');
		await gast.goto(link);
		await gast.shows('guest-gone');
	});

	await group.step('another guest is turned away, by keyboard alone', async () => {
		await knocks(nobody, await invite('Nick'));
		await press(ada, 'guest-turn-away');
		await ended(nobody, 'turned_away');
		await seen(nobody, 'guests turned away');
		await ada.misses('waiting-guest');
	});

	await group.step('a member who opens such a link comes in as themselves, and leaves it unused', async () => {
		const unused = await invite('Sandy');
		await chen.goto(unused);
		await chen.shows('guest-is-member');
		check((await chen.page.getByRole('main').textContent()).includes('You are signed in as Chen Li'), 'who is signed in');
		check((await chen.page.getByRole('main').textContent()).includes('On the bench'), 'what room it is about');
		await seen(chen, 'guests link of a member');
		await press(chen, 'guest-as-member');
		await chen.entered();
		await ada.waitSees('chen', { role: 'listener' });
		await chen.click('leave-button');
		await nobody.goto(unused);
		await nobody.shows('guest-ask');
	});

	await group.step('a member to whom the room is not open is told that the link is for somebody else', async () => {
		const eve = await server.member('eve', 'Eve Marsh');
		const closed = await eve.openRoom('Between the two of us', { kind: 'closed' });
		const guest = { name: 'Nick', minutes: 30, context: null };
		const made = (await eve.must('POST', `/api/rooms/${closed}/guests`, { json: guest })).body;
		await chen.goto(new URL(new URL(made.link).pathname, server.site).href);
		await chen.shows('guest-is-member');
		equal(await chen.attribute('guest-is-member', 'data-open'), 'false', 'whether the room is open to them');
		equal(await chen.page.getByTestId('guest-as-member').count(), 0, 'ways in');
		await seen(chen, 'guests link of a member for a closed room');
		await chen.click('guest-to-hallway');
		await until('the hallway', () => chen.evaluate(() => location.pathname === '/'));
	});

	/** Rings somebody from the stage. */
	const callUp = async (handle, context) => {
		await open(ada, 'open-call-up');
		await ada.fill('call-up-find', handle);
		await ada.click(`call-up-${handle}`);
		await ada.fill('call-up-context', context);
		await seen(ada, 'call-up whom and why');
		await ada.click('call-up-send');
		await ada.shows(`call-up-withdraw-${handle}`);
	};

	await group.step('a member is called up, wherever they are, and says no', async () => {
		await chen.goto(`${server.site}/inbox`);
		await callUp('chen', CONTEXT);
		await seen(ada, 'call-up open');
		await ada.dismiss();
		await chen.shows('called-up-sheet');
		check((await chen.page.getByTestId('called-up-sheet').textContent()).includes(CONTEXT), 'the context is not shown');
		await seen(chen, 'call-up rings');
		await chen.click('call-up-decline');
		await chen.misses('called-up-sheet');
		await says(ada, 'Chen cannot come up now');
	});

	await group.step('the caller can stop ringing', async () => {
		await callUp('chen', '');
		await chen.shows('called-up-sheet');
		await ada.click('call-up-withdraw-chen');
		await chen.misses('called-up-sheet');
		await ada.dismiss();
	});

	await group.step('from the green room the member comes on stage without being asked again, and is given the interview', async () => {
		await callUp('chen', CONTEXT);
		await ada.dismiss();
		await chen.click('call-up-green');
		await chen.click('sound-check');
		await chen.page.locator('.meter').waitFor();
		await seen(chen, 'call-up green room');
		await chen.click('call-up-enter');
		await chen.entered();
		await ada.waitSees('chen', { role: 'speaker' });
		equal(await chen.page.getByTestId('offer').count(), 0, 'questions whether to come on stage');
		await chen.microphone(true);
		await ada.hears(chen);
		await ada.act('chen', 'lead');
		await until('who leads', () => chen.evaluate(() => window.__roomtone.room.settings.floor === window.__roomtone.room.you.person.id));
		await says(chen, 'You lead the interview now');
	});

	await group.step('whoever is on stage can call somebody up without running the room, and stop', async () => {
		await server.member('dita', 'Dita Králová');
		await open(chen, 'open-call-up');
		await chen.fill('call-up-find', 'dita');
		await chen.click('call-up-dita');
		await chen.click('call-up-send');
		await chen.click('call-up-withdraw-dita');
		await chen.misses('call-up-withdraw-dita');
		await chen.dismiss();
	});
}
