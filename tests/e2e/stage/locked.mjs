// The sound where a system halts what it can: the audio graph is suspended, the elements are paused, the member pauses on the
// locked screen or browses elsewhere. What is heard comes from elements and goes on; the graph only measures. Where all of that is
// halted there is the plain stream.

import { ChromiumPerson, FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, pause, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';

/** For how long, in s, the sound is watched. */
const WATCHED = 3;

/** Runs in the page before the app: keeps its audio graph, what it plays and what the media keys do in reach. */
function watchPlaying() {
	window.__graphs = [];
	window.__played = new Set();
	window.__keys = {};
	const Graph = window.AudioContext;
	window.AudioContext = class extends Graph {
		constructor(options) {
			super(options);
			// The one of the tests' own asks for nothing.
			if (options) window.__graphs.push(this);
		}
	};
	const { play } = HTMLMediaElement.prototype;
	HTMLMediaElement.prototype.play = function () {
		window.__played.add(this);
		return play.call(this);
	};
	if (!navigator.mediaSession) return;
	const { setActionHandler } = MediaSession.prototype;
	MediaSession.prototype.setActionHandler = function (action, handler) {
		setActionHandler.call(this, action, handler);
		window.__keys[action] = handler;
	};
}

/** How the sound stands: the graph, how many elements play and how far they are (s), samples and energy so far. */
async function sounding(person) {
	const page = await person.evaluate(() => {
		const all = [...window.__played].filter((one) => one.srcObject);
		return {
			graph: window.__graphs.at(-1).state,
			playing: all.filter((one) => !one.paused).length,
			of: all.length,
			seconds: Math.max(...all.map((one) => one.currentTime))
		};
	});
	const slots = await person.slots();
	const sum = (field) => slots.reduce((all, slot) => all + slot[field], 0);
	return { ...page, samples: sum('samples'), filled: sum('concealed') - sum('silent'), energy: sum('energy') };
}

/** Watches for a while, and checks that everything plays and that sound is in it. */
async function goesOn(person, graph) {
	const before = await sounding(person);
	let after = before;
	await until('some seconds of sound', async () => (after = await sounding(person)).seconds - before.seconds >= WATCHED);
	console.log(`        ${JSON.stringify({ before, after })}`);
	check(after.of > 0 && after.playing === after.of, `${after.playing} of ${after.of} elements play`);
	if (graph) equal([before.graph, after.graph], [graph, graph], 'the audio graph');
	check(after.energy > before.energy, 'there is no sound in what is played');
	const samples = after.samples - before.samples;
	console.log(`        filled in: ${Math.round((100 * (after.filled - before.filled)) / samples)} %`);
	check(samples > 0, 'nothing was played');
}

/** Suspends the app's graph, and refuses to let it run until it is allowed. */
function halt(person) {
	return person.evaluate(() => {
		const graph = window.__graphs.at(-1);
		graph.resume = () => Promise.reject(new DOMException('interrupted', 'InvalidStateError'));
		return graph.suspend();
	});
}

/** Lets it run again; the page learns of it by being seen. */
function allow(person) {
	return person.evaluate(() => {
		delete window.__graphs.at(-1).resume;
		document.dispatchEvent(new Event('visibilitychange'));
	});
}

const runs = (person) => until('the graph to run', async () => (await sounding(person)).graph === 'running');
const allPlay = (person) =>
	until('all elements to play', async () => {
		const { playing, of } = await sounding(person);
		return of > 0 && playing === of;
	});

async function inRoom(group, Listener) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const clients = { luca: await server.member('luca', 'Luca Conti'), pia: await server.member('pia', 'Pia Lund') };
	const room = await clients.luca.openRoom('A talk on the way home');
	const luca = group.use(await ChromiumPerson.launch('luca', 440, folder));
	const pia = group.use(await Listener.launch('pia', 550, folder, { reducedMotion: 'reduce' }));
	await pia.before(watchPlaying);
	for (const one of [luca, pia]) {
		await one.signIn(server.site, clients[one.handle]);
		await one.enter(room);
	}
	await luca.microphone(true);
	return { server, room, luca, pia };
}

async function haltedGraph(group, { luca, pia }) {
	await group.step('with the audio graph halted the sound goes on, and the rings still follow it', async () => {
		await pia.hears(luca);
		await runs(pia);
		await halt(pia);
		await goesOn(pia, 'suspended');
		await pia.hears(luca);
		await pia.waitSees('luca', { speaking: true });
		await luca.microphone(false);
		await pia.waitSees('luca', { speaking: false });
		await luca.microphone(true);
		await pia.waitSees('luca', { speaking: true });
	});

	await group.step('the graph runs again as soon as the system lets go of it', async () => {
		equal((await sounding(pia)).graph, 'suspended', 'the audio graph');
		await allow(pia);
		await runs(pia);
		await goesOn(pia, 'running');
		// Where nothing forbids it, it is not left suspended at all, long after anything was tried.
		await pia.evaluate(() => window.__graphs.at(-1).suspend());
		await runs(pia);
	});

	await group.step('what the system pauses is played on', async () => {
		const paused = await pia.evaluate(() => {
			for (const one of window.__played) one.pause();
			return [...window.__played].every((one) => one.paused);
		});
		check(paused, 'the elements were not paused');
		await allPlay(pia);
		await goesOn(pia, 'running');
	});
}

export async function locked(group) {
	const scene = await inRoom(group, ChromiumPerson);
	const { luca, pia } = scene;
	await haltedGraph(group, scene);

	await group.step('a member who pauses by the keys of the system hears nothing until they play again', async () => {
		await pia.evaluate(() => window.__keys.pause());
		await pia.shows('unlock-audio');
		equal((await sounding(pia)).playing, 0, 'elements that play');
		equal(await pia.evaluate(() => navigator.mediaSession.playbackState), 'paused', 'what the system shows');
		// Neither a page that is seen again nor a press on anything else lets the sound in.
		await pia.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
		await pia.click('react-heart');
		equal((await sounding(pia)).playing, 0, 'elements that play after a press elsewhere');
		await seen(pia, 'locked paused');
		await pia.evaluate(() => window.__keys.play());
		await pia.misses('unlock-audio');
		equal(await pia.evaluate(() => navigator.mediaSession.playbackState), 'playing', 'what the system shows');
		await goesOn(pia, 'running');
	});

	await group.step('the small player keeps it sounding while one browses, with the graph halted too', async () => {
		await pia.page.setViewportSize({ width: 390, height: 844 });
		const before = (await sounding(pia)).seconds;
		await pia.click('room-minimise');
		await pia.shows('player-bar');
		await halt(pia);
		await goesOn(pia, 'suspended');
		check((await sounding(pia)).seconds > before, 'it was begun anew');
		await pia.hears(luca);
		await allow(pia);
		await runs(pia);
	});
}

/** The same in Firefox, as far as its page can be asked. */
export async function lockedInFirefox(group) {
	await haltedGraph(group, await inRoom(group, FirefoxPerson));
}

/** The element that plays the plain stream: how far it is (s), whether it plays, and how loud a pitch is in it (dB); null without one. */
function streaming(person, hz) {
	return person.evaluate(async (pitch) => {
		const element = [...(window.__played ?? [])].find((one) => one.currentSrc.includes('/stream.ogg') && one.hasAttribute('src'));
		if (!element) return null;
		const found = { seconds: element.currentTime, playing: !element.paused, loud: -1_000 };
		// Captured anew for each stream that it plays, and not before it does: while it loads, a browser may put one track in the place of
		// another, of which the first stays silent.
		if (element.__tap?.of !== element.currentSrc) {
			if (element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA || !element.currentTime) return found;
			element.__tap = { of: element.currentSrc, since: Date.now(), stream: (element.captureStream ?? element.mozCaptureStream).call(element) };
		}
		const tap = element.__tap;
		const live = tap.stream.getAudioTracks().filter((one) => one.readyState === 'live');
		const track = live.at(-1);
		if (track && tap.track !== track) {
			tap.track = track;
			window.__ear ??= new AudioContext();
			tap.analyser = new AnalyserNode(window.__ear, { fftSize: 8192, smoothingTimeConstant: 0 });
			window.__ear.createMediaStreamSource(new MediaStream([track])).connect(tap.analyser);
		}
		const { analyser } = tap;
		if (!analyser) return found;
		const bins = new Float32Array(analyser.frequencyBinCount);
		analyser.getFloatFrequencyData(bins);
		const at = Math.round((pitch * analyser.fftSize) / window.__ear.sampleRate);
		const loud = Math.max(...bins.slice(at - 2, at + 3));
		// Taken anew next time where nothing at all comes.
		if (!Number.isFinite(loud) && Date.now() - tap.since > 5_000) tap.of = null;
		return { ...found, loud: Number.isFinite(loud) ? loud : -1_000, ear: window.__ear.state, tracks: live.length };
	}, hz);
}

/** Waits until somebody's voice is in the plain stream, and it goes on. */
async function hearsPlain(person, other) {
	let found = null;
	await until('the voice in the plain stream', async () => {
		found = await streaming(person, other.hz);
		check(found?.loud > -50, `it is ${JSON.stringify(found)}`);
		return true;
	});
	const { seconds } = found;
	await until('the plain stream to go on', async () => (await streaming(person, other.hz))?.seconds > seconds + WATCHED);
	check(found.playing, 'it does not play');
	await person.shows('plain-on');
}

/** Whether the page has neither a plain stream nor a listen leg. */
async function hearsNothing(person) {
	await until('the plain stream to end', async () => (await streaming(person, 440)) === null);
	const listens = await person.evaluate(() => window.__roomtone.listen !== null);
	check(!listens, 'there is a listen leg');
}

/** Waits until a page is in the room and plays, by whichever way. */
const sounds = (person) =>
	until('the room to sound', async () => (await person.attribute('connection-state', 'data-sound')) === 'up');

/** Loads the page anew. A page that plays a stream without an end may take long until it counts as loaded, or never. */
const reload = (person) => person.page.reload({ waitUntil: 'domcontentloaded' });

const choosePlain = async (person) => {
	await person.click('quality');
	await person.click('plain-stream');
	await person.dismiss();
};

/** Has the page believe that it is hidden, or seen again. */
function hide(person, hidden) {
	return person.evaluate((state) => {
		Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
		document.dispatchEvent(new Event('visibilitychange'));
	}, hidden ? 'hidden' : 'visible');
}

async function plainly(group, { luca, pia, room }) {
	const audience = () => luca.evaluate(() => window.__roomtone.room.audience.count);

	await group.step('whoever chooses the plain stream hears the talk by it, and is one person in the room', async () => {
		await pia.hears(luca);
		await choosePlain(pia);
		await hearsPlain(pia, luca);
		check(!(await pia.evaluate(() => window.__roomtone.listen)), 'there is a listen leg as well');
		equal(await audience(), 1, 'people in the audience');
	});

	await group.step('the choice is kept, and the keys of the system act on the stream too', async () => {
		await reload(pia);
		await sounds(pia);
		await hearsPlain(pia, luca);
		if (await pia.evaluate(() => !window.__keys.pause)) return;
		await pia.evaluate(() => window.__keys.pause());
		await pia.shows('unlock-audio');
		await hearsNothing(pia);
		await pia.evaluate(() => window.__keys.play());
		await hearsPlain(pia, luca);
	});

	await group.step('on stage the sound is live, and in the audience it is the stream again', async () => {
		await pia.raiseHand('');
		await until('the hand', async () => (await luca.attribute('hands-button', 'data-count')) === '1');
		await luca.acceptHand();
		await pia.hears(luca);
		await pia.misses('plain-on');
		equal(await streaming(pia, luca.hz), null, 'the stream');
		await luca.act('pia', 'move');
		await hearsPlain(pia, luca);
	});

	await group.step('a device that halts live sound gets the stream by itself while the page is hidden', async () => {
		await choosePlain(pia);
		await pia.hears(luca);
		await hide(pia, true);
		await pia.hears(luca);
		await pia.evaluate(() => {
			for (const one of window.__played) one.play = () => Promise.reject(new DOMException('halted', 'AbortError'));
			for (const one of window.__played) one.pause();
		});
		// A page that is seen again sooner does not conclude anything.
		await pause(6_000);
		await hide(pia, false);
		await until('the device to be remembered', () => pia.evaluate(() => localStorage.getItem('roomtone.plain') === 'halts'));
		await reload(pia);
		await pia.entered();
		await pia.hears(luca);
		await hide(pia, true);
		await hearsPlain(pia, luca);
		await hide(pia, false);
		await pia.misses('plain-on');
		await pia.hears(luca);
	});

	await group.step('whoever is put out hears nothing more', async () => {
		await choosePlain(pia);
		await hearsPlain(pia, luca);
		await luca.act('pia', 'remove');
		await hearsNothing(pia);
		equal(await audience(), 0, 'people in the audience');
		await pia.goto(`${pia.url}/room/${room}`);
		await sounds(pia);
		await hearsPlain(pia, luca);
		equal(await audience(), 1, 'people in the audience');
	});
}

export async function plain(group) {
	await plainly(group, await inRoom(group, ChromiumPerson));
}

export async function plainInFirefox(group) {
	await plainly(group, await inRoom(group, FirefoxPerson));
}
