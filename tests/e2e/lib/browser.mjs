// People with real browsers. Each has a browser process of their own, because the fake microphone is a setting of the
// process. What they do goes through the app's buttons; what they hear is measured by the probe.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { check, save, until } from './harness.mjs';
import { installProbe } from './probe.mjs';
import { writeTone } from './tone.mjs';

/** The strongest frequency may be off by this many Hz: one and a half bins of the measuring spectrum. */
const TUNING = 9;
/** Loudness from which somebody counts as heard; the comfort noise of a silent slot lies far below. */
const AUDIBLE = 0.003;

/** The first of the programs that is installed. */
function installed(...paths) {
	const found = paths.find((path) => path && existsSync(path));
	check(found, `no browser: install one of ${paths.filter(Boolean).join(', ')}`);
	return found;
}

class Person {
	/** Member id, once signed in. */
	id = null;
	/** Number in the room they are in. */
	number = null;
	console = [];

	constructor(handle, hz) {
		this.handle = handle;
		this.hz = hz;
	}

	/** Redeems an invite through the join page. */
	async join(url, code, name = this.handle) {
		this.url = url;
		await this.goto(`${url}/join/${code}`);
		await this.fill('join-name', name);
		await this.fill('join-handle', this.handle);
		await this.click('join-submit');
		this.id = await until(`${this.handle} to be signed in`, () =>
			this.evaluate(async () => {
				const answer = await fetch('/api/me');
				return answer.ok && (await answer.json()).id;
			})
		);
	}

	/** Opens a room through the hallway; gives its id. */
	async startRoom(title) {
		await this.goto(`${this.url}/`);
		await this.click('start-room');
		await this.fill('room-title-input', title);
		await this.click('room-create');
		const room = await until('the room page', async () => /\/room\/([0-9a-z]{26})/.exec(await this.evaluate(() => location.pathname))?.[1]);
		await this.entered();
		return room;
	}

	/** Enters a room by its address, as from a shared link. */
	async enter(room) {
		await this.goto(`${this.url}/room/${room}`);
		await this.entered();
	}

	/** Waits until the control socket is up and the listen leg connected. */
	async entered() {
		await until(`${this.handle} to be in the room`, () =>
			this.evaluate(
				() =>
					document.querySelector('[data-testid=connection-state]')?.dataset.state === 'connected' &&
					window.__probe.listening()?.connectionState === 'connected'
			)
		);
		this.number = await this.evaluate(
			() => window.__probe.messages.findLast((message) => message.type === 'snapshot')?.you.number
		);
	}

	/** Presses the microphone button until it is as wanted. */
	async microphone(open) {
		const pressed = () => this.attribute('mic-button', 'aria-pressed');
		if ((await pressed()) !== String(open)) await this.click('mic-button');
		await until(`${this.handle}'s microphone to be ${open ? 'open' : 'closed'}`, async () => (await pressed()) === String(open));
		if (open) await this.publishes();
	}

	async publishes() {
		await until(`${this.handle} to publish`, async () => (await this.sent())?.state === 'connected');
	}

	async raiseHand(question) {
		await this.click('hand-button');
		await this.fill('hand-question', question);
		await this.click('hand-send');
	}

	/** Accepts the first hand in the queue. */
	async acceptHand() {
		await this.click('hands-button');
		await this.click('hand-accept');
		await this.dismiss();
	}

	/** Opens somebody's sheet and presses one of its actions. */
	async act(handle, action) {
		await this.click(`person-${handle}`);
		await this.click(`action-${action}`);
		await this.dismiss();
	}

	/** Closes an open sheet, if one is left open. */
	async dismiss() {
		await this.press('Escape');
	}

	/** How somebody shows in the room: role, muted, microphone, speaking; null when they do not show. */
	async sees(handle) {
		return this.evaluate((id) => {
			const data = document.querySelector(`[data-testid="${id}"]`)?.dataset;
			return data ? { role: data.role, muted: data.muted, mic: data.mic, speaking: data.speaking } : null;
		}, `person-${handle}`);
	}

	async waitSees(handle, wanted, options) {
		await until(
			`${this.handle} to see ${handle} as ${JSON.stringify(wanted)}`,
			async () => {
				const seen = await this.sees(handle);
				return seen && Object.entries(wanted).every(([key, value]) => seen[key] === String(value));
			},
			options
		);
	}

	slots() {
		return this.evaluate(() => window.__probe.slots());
	}

	sent() {
		return this.evaluate(() => window.__probe.sent());
	}

	/** The slot in which somebody's packets arrive now, with its `index`; by their number, which is the CSRC. A browser
	 * names a source for ten seconds after its last packet, so of several slots it is the one that got the newest. */
	async slotOf(number) {
		const theirs = (await this.slots()).map((slot, index) => ({ ...slot, index })).filter((slot) => slot.csrc === number);
		return theirs.reduce((a, b) => (a && a.lastAt >= b.lastAt ? a : b), null);
	}

	/** Waits until somebody is heard here: packets under their number, energy, and their frequency as the strongest. */
	async hears(other, options) {
		return until(
			`${this.handle} to hear ${other.handle} at ${other.hz} Hz`,
			async () => {
				const slot = await this.slotOf(other.number);
				if (!slot) return false;
				// Without a known frequency loudness has to do.
				return slot.rms > AUDIBLE && slot.energy > 0 && (!other.hz || Math.abs(slot.hz - other.hz) <= TUNING) && slot;
			},
			options
		);
	}

	/** The messages of the control socket of one type, each with `at` (ms). */
	async messages(type) {
		return this.evaluate((wanted) => window.__probe.messages.filter((message) => message.type === wanted), type);
	}

	evidence(folder) {
		save(folder, `${this.handle}-console.txt`, this.console.join('\n'));
		return Promise.allSettled([
			this.screenshot(join(folder, `${this.handle}.png`)),
			this.evaluate(async () => ({
				messages: window.__probe.messages.slice(-40),
				connections: window.__probe.connections.map((one) => [one.connectionState, one.getTransceivers().map((t) => t.currentDirection)]),
				slots: await window.__probe.slots()
			})).then((state) => save(folder, `${this.handle}-state.json`, JSON.stringify(state, null, 1)))
		]);
	}
}

/** Somebody with Chromium and a microphone that hums at `hz`, or plays the WAV file `sound` over and over. `options` are
 * those of a Playwright context, and `away`, the network to be in, with the `trusted` address from where a page may use
 * the microphone without TLS. */
export class ChromiumPerson extends Person {
	static async launch(handle, hz, folder, { away, trusted, sound, ...options } = {}) {
		const person = new ChromiumPerson(handle, hz);
		const tone = sound ?? join(folder, `${handle}.wav`);
		if (!sound) writeTone(tone, hz);
		const program = installed(process.env.CHROMIUM_BIN, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome');
		person.browser = await chromium.launch({
			executablePath: away?.program ?? program,
			env: { ...process.env, AWAY_PROGRAM: program },
			headless: true,
			args: [
				'--no-sandbox',
				'--use-fake-ui-for-media-stream',
				'--use-fake-device-for-media-stream',
				`--use-file-for-fake-audio-capture=${tone}`,
				'--autoplay-policy=no-user-gesture-required',
				'--disable-background-networking',
				...(trusted ? [`--unsafely-treat-insecure-origin-as-secure=${trusted}`] : [])
			]
		});
		person.context = await person.browser.newContext({ permissions: ['microphone'], ...options });
		await person.context.addInitScript(installProbe);
		person.page = await person.context.newPage();
		person.page.on('console', (message) => person.console.push(`${message.type()}: ${message.text()}`));
		person.page.on('pageerror', (error) => person.console.push(`error: ${error.stack ?? error}`));
		return person;
	}

	/** Runs something in every page before the app does. */
	before(act, argument) {
		return this.context.addInitScript(act, argument);
	}

	/** Signs in as somebody who is already, by their session. */
	async signIn(site, client) {
		this.url = site;
		this.id = client.me.id;
		await this.context.addCookies([{ name: 'roomtone_session', value: client.token, url: site, httpOnly: true }]);
	}

	/** Waits for what has this test id, and gives it. */
	async shows(id) {
		const found = this.page.getByTestId(id).first();
		await found.waitFor({ timeout: 30_000 });
		return found;
	}

	/** Waits until what has this test id is gone. */
	misses(id) {
		return this.page.getByTestId(id).first().waitFor({ state: 'detached', timeout: 30_000 });
	}

	goto(url) {
		return this.page.goto(url);
	}

	fill(id, text) {
		return this.page.getByTestId(id).first().fill(text, { timeout: 30_000 });
	}

	click(id) {
		return this.page.getByTestId(id).first().click({ timeout: 30_000 });
	}

	press(key) {
		return this.page.keyboard.press(key);
	}

	attribute(id, name) {
		return this.page.getByTestId(id).first().getAttribute(name, { timeout: 30_000 });
	}

	evaluate(act, argument) {
		return this.page.evaluate(act, argument);
	}

	screenshot(path) {
		// As it looks once transitions have come to their end.
		return this.page.screenshot({ path, animations: 'disabled' });
	}

	close() {
		return this.browser.close();
	}
}

/** Somebody with Firefox, whose fake microphone hums at `hz`, or at a pitch of its own. */
export class FirefoxPerson extends Person {
	static async launch(handle, hz = null) {
		const person = new FirefoxPerson(handle, hz);
		person.browser = await puppeteer.launch({
			browser: 'firefox',
			executablePath: installed(process.env.FIREFOX_BIN, '/usr/bin/firefox-esr', '/usr/bin/firefox'),
			headless: true,
			extraPrefsFirefox: {
				'media.navigator.streams.fake': true,
				'media.navigator.permission.disabled': true,
				...(hz && { 'media.navigator.audio.fake_frequency': hz }),
				'media.autoplay.default': 0,
				// Without a sound card Firefox lets no audio graph run; this gives it one that plays to nobody.
				'media.cubeb.force_mock_context': true,
				'media.peerconnection.ice.loopback': true,
				'media.peerconnection.ice.obfuscate_host_addresses': false
			}
		});
		person.page = await person.browser.newPage();
		await person.page.evaluateOnNewDocument(installProbe);
		person.page.on('console', (message) => person.console.push(`${message.type()}: ${message.text()}`));
		person.page.on('pageerror', (error) => person.console.push(`error: ${error.stack ?? error}`));
		return person;
	}

	before(act, argument) {
		return this.page.evaluateOnNewDocument(act, argument);
	}

	/** Signs in as somebody who is already, by their session. */
	async signIn(site, client) {
		this.url = site;
		this.id = client.me.id;
		const { hostname } = new URL(site);
		await this.browser.setCookie({ name: 'roomtone_session', value: client.token, domain: hostname, path: '/', httpOnly: true });
	}

	/** Waits for what has this test id. */
	shows(id) {
		return this.page.waitForSelector(`[data-testid="${id}"]`, { timeout: 30_000 });
	}

	/** Waits until what has this test id is gone. */
	misses(id) {
		return this.page.waitForSelector(`[data-testid="${id}"]`, { hidden: true, timeout: 30_000 });
	}

	goto(url) {
		return this.page.goto(url);
	}

	fill(id, text) {
		return this.page.locator(`[data-testid="${id}"]`).setTimeout(30_000).fill(text);
	}

	click(id) {
		return this.page.locator(`[data-testid="${id}"]`).setTimeout(30_000).click();
	}

	press(key) {
		return this.page.keyboard.press(key);
	}

	attribute(id, name) {
		return this.page.$eval(`[data-testid="${id}"]`, (element, key) => element.getAttribute(key), name);
	}

	evaluate(act, argument) {
		return this.page.evaluate(act, argument);
	}

	screenshot(path) {
		return this.page.screenshot({ path });
	}

	close() {
		return this.browser.close();
	}
}

/** Checks that a witness was told nothing, since a time (ms), from which somebody seemed to have been out or off the stage. */
export async function stayed(witness, whom, since) {
	const told = (await witness.messages('events')).filter(({ at }) => at >= since).flatMap(({ events }) => events);
	const about = told.map(({ event }) => event).filter(({ member, person }) => (member ?? person?.id) === whom.id);
	const types = about.map(({ type }) => type);
	console.log(`        the others were told: ${types.join(', ')}`);
	check(!types.some((type) => ['left', 'entered', 'role_changed'].includes(type)), `others were told ${types.join(', ')}`);
}
