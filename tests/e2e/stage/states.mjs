// Every state of the room page that no other group looks at, with pictures at both sizes and in both themes, and axe: from
// coming in to the ways out, on a phone and on a desk.

import { join } from 'node:path';

import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, until, within } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Peer } from '../lib/peer.mjs';
import { Server } from '../lib/server.mjs';
import { writeTone } from '../lib/tone.mjs';

/** A note that is half gone has no contrast: nothing moves while pages are looked at. */
const STILL = { reducedMotion: 'reduce' };
/** How many beginnings and ends of sound rings are compared with, and for how long at most, in ms. */
const [TURNS, PATIENCE] = [5, 45_000];

export async function states(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const clients = {};
	for (const [handle, name] of [
		['ada', 'Ada Oyelaran'],
		['ben', 'Ben Whitlock'],
		['chen', 'Chen Li'],
		['dita', 'Dita Králová'],
		['faina', 'Фаина Соколова']
	]) {
		clients[handle] = await server.member(handle, name);
	}
	const start = async (handle, hz) => {
		const person = group.use(await ChromiumPerson.launch(handle, hz, folder, STILL));
		await person.signIn(server.site, clients[handle]);
		return person;
	};
	const [ada, ben] = [await start('ada', 440), await start('ben', 550)];
	const look = (person, what) => seen(person, `states ${what}`);
	const over = async (person, code) => {
		await person.shows('room-over');
		equal(await person.attribute('room-over', 'data-code'), code, 'why the talk is over');
	};
	/** Looks at a sheet that a row of the menu opens. */
	const menu = async (person, entry, what) => {
		await person.click('more-button');
		await person.click(entry);
		await person.page.getByRole('dialog').waitFor();
		await look(person, what);
		await person.dismiss();
		await person.page.getByRole('dialog').waitFor({ state: 'detached' });
	};
	/** What a page looks like that is kept from something until it is let go on. */
	const held = async (person, path, what) => {
		let asked = 0;
		let go;
		const shown = new Promise((resolve) => (go = resolve));
		await person.page.route(path, async (route) => {
			asked += 1;
			await shown;
			await route.continue();
		});
		await person.goto(`${server.site}/room/${room}`);
		await until(`${path} to be asked for`, () => asked > 0);
		await until('the page to say so', () => person.evaluate(() => document.querySelector('[data-testid=connection-state]:not(.heard)') !== null));
		await look(person, what);
		go();
	};
	await ben.before(() => {
		const Player = window.Audio;
		window.__played = [];
		window.Audio = function (...from) {
			const player = new Player(...from);
			window.__played.push(player);
			return player;
		};
	});
	const room = await clients.ada.openRoom('Rust and other pastimes');
	const faina = group.use(await clients.faina.enter(room));

	await group.step('coming in: a room alone, sound on its way, and one that is not there', async () => {
		await ada.enter(room);
		await look(ada, 'host alone');
		await ben.goto(`${server.site}/room/${'0'.repeat(26)}`);
		await over(ben, 'not_found');
		await look(ben, 'no such room');
		await held(ben, '**/api/rooms/*/listen', 'sound on its way');
		await ben.entered();
	});

	const talker = group.use(new Peer(clients.chen, room, { talk: true, deaf: true }));
	await group.step('in the audience: somebody talks, a hand, the question whether to come up', async () => {
		await until('the hand', async () => (await ada.attribute('hands-button', 'data-count')) === '1');
		await ada.acceptHand();
		await talker.said('talking');
		await ben.waitSees('chen', { speaking: true });
		await look(ben, 'listening');
		await ben.click('hand-button');
		await look(ben, 'asking for a word');
		await ben.fill('hand-question', 'What about the borrow checker?');
		await ben.click('hand-send');
		await until('the hand', async () => (await ada.attribute('hands-button', 'data-count')) === '1');
		await look(ben, 'hand is up');
		await ben.click('hand-button');
		await until('no hand', async () => (await ada.attribute('hands-button', 'data-count')) === '0');
		await ada.act('ben', 'offer');
		await ben.shows('offer');
		await look(ben, 'asked up');
	});

	await group.step('on stage: closed, refused by the browser, open, muted by a moderator', async () => {
		await ben.click('offer-accept');
		await ada.waitSees('ben', { role: 'speaker' });
		await look(ben, 'microphone closed');
		await ben.evaluate(() => {
			window.__asked = navigator.mediaDevices.getUserMedia;
			navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
		});
		await ben.click('mic-button');
		await until('the page to say why', () =>
			ben.evaluate(() => [...document.querySelectorAll('[role=alert], [role=status]')].some((one) => /microphone/i.test(one.textContent)))
		);
		await look(ben, 'microphone refused');
		await ben.evaluate(() => (navigator.mediaDevices.getUserMedia = window.__asked));
		await ben.microphone(true);
		await ada.hears(ben);
		await ben.waitSees('ben', { speaking: true });
		equal(await ben.page.getByText('did not allow the microphone').count(), 0, 'notes about a microphone that works');
		await look(ben, 'talking');
		await ada.act('ben', 'mute');
		await ben.waitSees('ben', { muted: true });
		await look(ben, 'muted by a moderator');
	});

	await group.step('sheets: menu, sound, its state, captions, links, timer, asking people in, what is said openly', async () => {
		await ben.click('more-button');
		await look(ben, 'menu of a speaker');
		await ben.dismiss();
		await ada.click('more-button');
		await look(ada, 'menu of the host');
		await ada.dismiss();
		await menu(ben, 'open-sound', 'sound');
		await menu(ben, 'open-health', 'state of the sound');
		await menu(ben, 'open-captions', 'captions');
		await menu(ben, 'open-keys', 'keys');
		await menu(ben, 'open-said', 'said openly');
		await menu(ben, 'open-ping', 'asking people in');
		await menu(ada, 'open-links', 'links');
		await menu(ada, 'open-timer', 'timer');
		await menu(ada, 'end-room', 'ending it');
	});

	await group.step('one person is made quieter, and silent, on this device alone; others are as loud as before', async () => {
		const volumes = () => ben.evaluate(() => window.__played.filter((one) => one.srcObject).map((one) => (one.muted ? 0 : one.volume)));
		const loud = (wanted) => until(`the volumes to be ${wanted}`, async () => (await volumes()).sort().join() === wanted);
		await loud('1,1,1');
		await ben.click('person-chen');
		const slider = await ben.shows('person-volume');
		await slider.fill('40');
		await loud('0.4,1,1');
		await look(ben, 'about a speaker');
		await slider.focus();
		await ben.press('Home');
		await loud('0,1,1');
		await ben.dismiss();
		await ben.waitSees('chen', { speaking: true });
		// The device remembers it.
		await ben.page.reload();
		await ben.entered();
		await loud('0,1,1');
		await ben.click('person-chen');
		await (await ben.shows('person-volume')).focus();
		await ben.press('End');
		await loud('1,1,1');
		await ben.dismiss();
	});

	await group.step('the mark of the network opens what is known of the sound', async () => {
		const quality = await ben.attribute('quality', 'data-quality');
		check(['good', 'fair', 'weak'].includes(quality), `the network is ${quality}`);
		await ben.click('quality');
		await ben.shows('sound-figures');
		await ben.dismiss();
	});

	await group.step('rings follow what is heard', async () => {
		const sound = join(folder, 'words.wav');
		writeTone(sound, 330, 4, true);
		const dita = group.use(await ChromiumPerson.launch('dita', 330, folder, { ...STILL, sound }));
		await dita.signIn(server.site, clients.dita);
		await dita.enter(room);
		await ada.waitSees('dita', { role: 'listener' });
		await ada.act('dita', 'offer');
		await dita.click('offer-accept');
		await dita.microphone(true);
		await talker.leave();
		await ben.waitSees('dita', { speaking: true });
		const { rise, fall } = await within(2 * PATIENCE, ben.evaluate(ringsBehindSound, ['person-dita', TURNS, PATIENCE]));
		console.log(`        rings begin ${rise.join(', ')} ms and have sunk by half ${fall.join(', ')} ms after the sound`);
		check(rise.length >= TURNS && fall.length >= TURNS, `only ${rise.length} and ${fall.length} rings followed`);
		await dita.close();
	});

	await group.step('while browsing: the small player under the hallway', async () => {
		// A desk has the hallway beside the room.
		await ben.page.setViewportSize({ width: 390, height: 844 });
		await ben.click('room-minimise');
		await ben.shows('player-bar');
		await look(ben, 'small player');
		await ben.click('player-open');
		await ben.shows('stage');
	});

	await group.step('a connection that is lost, and is there again', async () => {
		await server.kill();
		await until('the page to say so', () =>
			ben.evaluate(() => document.querySelector('[role=status][data-state=reconnecting]') !== null)
		);
		equal(await ben.attribute('quality', 'data-quality'), 'none', 'the network');
		await look(ben, 'connection lost');
		await server.restart();
		for (const person of [ben, ada]) await person.entered();
	});

	await group.step('a second device takes over, with a word on the first, which can take it back', async () => {
		const other = await start('ben', 550);
		await other.enter(room);
		await over(ben, 'replaced');
		await look(ben, 'taken over');
		await ben.click('enter-again');
		await ben.entered();
		await over(other, 'replaced');
		await other.close();
	});

	await group.step('going to another room, with a word here and the way back', async () => {
		await clients.ben.openRoom('Another room');
		await over(ben, 'elsewhere');
		await look(ben, 'gone to another room');
		await ben.click('enter-again');
		await ben.entered();
	});

	await group.step('ways out: removed, blocked by the browser until a press, ended', async () => {
		await ada.click('person-ben');
		await ada.click('action-remove');
		await over(ben, 'removed');
		await look(ben, 'removed');
		const quiet = await start('dita', 330);
		await quiet.before(() => {
			const play = HTMLMediaElement.prototype.play;
			window.__gesture = false;
			addEventListener('click', () => (window.__gesture = true), true);
			HTMLMediaElement.prototype.play = function () {
				return window.__gesture ? play.call(this) : Promise.reject(new DOMException('gesture', 'NotAllowedError'));
			};
		});
		await quiet.goto(`${server.site}/room/${room}`);
		await quiet.shows('unlock-audio');
		await look(quiet, 'sound held back');
		await quiet.click('unlock-audio');
		await quiet.misses('unlock-audio');
		// Alone on stage, a button and a key ask before they end the room for others.
		await ada.act('dita', 'move');
		await ada.waitSees('dita', { role: 'listener' });
		for (const go of [() => ada.click('leave-button'), () => ada.press('l')]) {
			await go();
			await ada.shows('alone-sheet');
			await ada.dismiss();
			await ada.misses('alone-sheet');
		}
		await ada.click('leave-button');
		await ada.shows('alone-sheet');
		await look(ada, 'alone on stage');
		await ada.dismiss();
		await ada.click('more-button');
		await ada.click('end-room');
		await ada.click('end-room-confirm');
		await over(quiet, 'room_ended');
		await look(quiet, 'ended');
		faina.close();
	});
}

/** Runs in a page: how many ms after the sound of the only talker begins and ends their ring does, `turns` times each. */
async function ringsBehindSound([testid, turns, patience]) {
	const ring = document.querySelector(`[data-testid="${testid}"]`);
	const leveled = () => Number(getComputedStyle(ring).getPropertyValue('--level'));
	const context = new AudioContext();
	const meters = window.__probe.listening().getReceivers().map(({ track }) => {
		const meter = context.createAnalyser();
		meter.fftSize = 256;
		context.createMediaStreamSource(new MediaStream([track])).connect(meter);
		return meter;
	});
	const samples = new Float32Array(256);
	const loudest = () =>
		Math.max(...meters.map((meter) => (meter.getFloatTimeDomainData(samples), Math.max(...samples.map(Math.abs)))));
	const [rise, fall] = [[], []];
	let [loud, changedAt, heardAt, top, waits] = [null, 0, 0, 0, false];
	const end = performance.now() + patience;
	while (Math.min(rise.length, fall.length) < turns && performance.now() < end) {
		await new Promise((go) => setTimeout(go, 4));
		const now = performance.now();
		if (loudest() > 0.03) heardAt = now;
		// Between two syllables it is not silent for so long.
		const speaks = now - heardAt < 60;
		if (speaks !== loud) {
			// What was going on when the watch began has no beginning here.
			waits = loud !== null && now - changedAt > 500;
			[loud, changedAt] = [speaks, speaks ? now : heardAt];
			if (speaks) top = 0;
		}
		if (loud) top = Math.max(top, leveled());
		if (waits && (loud ? ring.dataset.speaking === 'true' : leveled() < top / 2)) {
			(loud ? rise : fall).push(Math.round(performance.now() - changedAt));
			waits = false;
		}
	}
	await context.close();
	return { rise, fall };
}
