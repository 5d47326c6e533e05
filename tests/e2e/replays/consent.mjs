// Recording: nothing of anybody is stored before they agreed, nothing of whoever refuses, and nothing any more of whoever takes
// their part out. At each step every file in the data folder that holds sound is decoded by another program.

import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { says } from '../lib/access.mjs';
import { ChromiumPerson, FirefoxPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { MEDIA_ADDRESS, Server } from '../lib/server.mjs';
import { writeSpeech } from '../lib/speech.mjs';
import { ready, replayOf } from './scene.mjs';
import { heardIn, inFile, inFolder } from './sound.mjs';

/** Pitches: of whoever refuses, and of whoever takes their part out later. */
const [BEN_HZ, FANNY_HZ] = [1_460, 1_050];
/** Seconds for which a pitch stands out where it is recorded. */
const TALKED = 6;
/** Loudness from which a file is not silent. */
const AUDIBLE = 0.005;
const STILL = { reducedMotion: 'reduce' };

export async function consent(group) {
	if (MEDIA_ADDRESS === '127.0.0.1') return group.skip('a recording with consent', 'needs a network namespace (root, unshare and ip)');
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const clients = {};
	for (const [handle, name] of [['ada', 'Ada Oyelaran'], ['ben', 'Ben Whitlock'], ['fanny', 'Fanny Ardant']]) {
		clients[handle] = await server.member(handle, name);
	}
	const sound = join(folder, 'voice.wav');
	writeSpeech(sound);
	// Ada has words, the others a pitch each; Fanny is in Firefox.
	const [ada, ben, fanny] = await Promise.all([
		ChromiumPerson.launch('ada', null, folder, { sound, ...STILL }),
		ChromiumPerson.launch('ben', BEN_HZ, folder, STILL),
		FirefoxPerson.launch('fanny', FANNY_HZ)
	]);
	for (const person of [ada, ben, fanny]) {
		group.use(person);
		await person.signIn(server.site, clients[person.handle]);
	}
	const room = await clients.ada.openRoom('Tea and bridges');
	for (const person of [ada, ben]) await person.enter(room);
	const recorded = (person) => person.evaluate(() => window.__roomtone.room.stage.map((one) => `${one.person.handle} ${one.recorded}`).sort().join());
	const known = (person, wanted) => until(`it to be known that ${wanted}`, async () => (await recorded(person)) === wanted);
	const stored = () => inFolder(server.data, [BEN_HZ, FANNY_HZ]);
	const neverBen = (files, when) => equal(heardIn(files, BEN_HZ), '', `files with the voice of whoever refused, ${when}`);
	/** The tracks as they are while the talk goes on. */
	const tracks = () => readdirSync(server.data, { recursive: true }).filter((path) => path.endsWith('.track')).map((path) => join(server.data, path));
	let replay;

	await group.step('the host switches it on: everybody on stage is asked, it shows for whom it will be, and nothing is stored yet', async () => {
		await ada.act('ben', 'offer');
		await ben.click('offer-accept');
		await ada.waitSees('ben', { role: 'speaker' });
		for (const person of [ada, ben]) await person.microphone(true);
		await ada.click('more-button');
		await ada.click('open-run');
		await ada.click('switch-recording');
		await ada.shows('record-part');
		await seen(ada, 'recording choice of the host');
		await ada.click('record-to-everyone');
		await ada.click('record-begin');
		await says(ben, 'This talk is being recorded');
		await ada.dismiss();
		for (const person of [ada, ben]) {
			await person.shows('recording-ask');
			equal(await person.attribute('recording-mark', 'data-to'), 'everyone', `for whom it is, to ${person.handle}`);
		}
		const question = await ben.page.getByTestId('recording-ask').textContent();
		check(question.includes('It will be open to everyone, also people without an account'), `the question is ${question}`);
		await seen(ben, 'recording question');
		await ben.hears(ada);
		await ada.hears(ben);
		equal((await stored()).map(({ path }) => path), [], 'files with sound before anybody has agreed');
	});

	await group.step('one agrees and one refuses; the mark tells who is recorded, and only that one is', async () => {
		await ada.click('recording-agree');
		await ben.click('recording-no');
		await known(ben, 'ada agreed,ben refused');
		for (const person of [ada, ben]) await person.misses('recording-ask');
		await ben.click('recording-mark');
		await ben.shows('recording-sheet');
		await ben.shows('recorded-ada');
		await ben.shows('unrecorded-ben');
		await seen(ben, 'recording what the mark means');
		await ben.dismiss();
		const files = await until('something to be stored', async () => {
			const files = await stored();
			return files.some(({ seconds }) => seconds > 2) && files;
		});
		equal(files.map(({ form }) => form), ['track'], 'what is stored');
		neverBen(files, 'while he talks');
	});

	await group.step('whoever comes later is told before they enter, and asked when they come on stage', async () => {
		await fanny.goto(`${server.site}/`);
		await fanny.shows('room-card-recorded');
		const card = await fanny.evaluate(() => document.querySelector('[data-testid=room-card-recorded]').textContent);
		check(card.includes('open to everyone'), `the hallway says ${card}`);
		await fanny.enter(room);
		equal(await fanny.attribute('recording-mark', 'data-to'), 'everyone', 'for whom it is, to a listener');
		equal(await fanny.page.$('[data-testid=recording-ask]'), null, 'a question to a listener');
		await ada.act('fanny', 'offer');
		await fanny.click('offer-accept');
		await fanny.shows('recording-ask');
		await fanny.microphone(true);
		await ben.hears(fanny);
		const before = await stored();
		equal([before.length, heardIn(before, FANNY_HZ)], [1, ''], 'what is stored of somebody who has not answered');
		neverBen(before, 'and later');
		await fanny.click('recording-agree');
		await known(ben, 'ada agreed,ben refused,fanny agreed');
		const files = await until('some seconds of hers', async () => {
			const files = await stored();
			return files.some(({ tones }) => tones[FANNY_HZ] >= TALKED) && files;
		});
		equal([files.length, files.filter(({ tones }) => tones[FANNY_HZ] > 0).length], [2, 1], 'tracks, and those with her voice');
		neverBen(files, 'while all three talk');
	});

	await group.step('whoever refused, leaves the stage and comes back is asked anew, and may refuse anew', async () => {
		await ada.act('ben', 'move');
		await ada.waitSees('ben', { role: 'listener' });
		await ada.act('ben', 'offer');
		await ben.click('offer-accept');
		await ben.shows('recording-ask');
		await ben.microphone(true);
		await fanny.hears(ben);
		await ben.click('recording-no');
		await known(ada, 'ada agreed,ben refused,fanny agreed');
		neverBen(await stored(), 'when he has come back');
	});

	await group.step('consent is taken back by the switch in the sheet: from then on nothing of hers is stored, and all see it; and it is given again', async () => {
		const bytes = (n) => statSync(tracks().find((path) => path.endsWith(`/${n}.track`))).size;
		const [ADA, FANNY] = [1, 2];
		/** Waits until somebody's track has got longer by some seconds of sound. */
		const grows = async (n) => {
			const before = bytes(n);
			await until(`track ${n} to grow`, () => bytes(n) > before + 8_000);
		};
		await grows(ADA);
		await ada.click('recording-mark');
		await ada.shows('recording-mine');
		check(await ada.page.getByTestId('recording-mine').isChecked(), 'the switch of who is recorded is off');
		await ada.click('recording-mine');
		await known(ben, 'ada refused,ben refused,fanny agreed');
		await ada.shows('unrecorded-ada');
		await says(ada, 'From now on nothing of what you say is recorded');
		// What she said before may be on its way to the disk still. Who is beside her is recorded all the while, and she is heard.
		await grows(FANNY);
		const kept = bytes(ADA);
		await grows(FANNY);
		await ben.hears(ada);
		equal(bytes(ADA), kept, 'bytes of somebody who has taken her consent back');
		await ada.click('recording-mine');
		await known(ben, 'ada agreed,ben refused,fanny agreed');
		await grows(ADA);
		await ada.dismiss();
		equal(tracks().length, 2, 'tracks');
	});

	await group.step('the talk ends: the replay is made, and has those two alone in every one of its files', async () => {
		await ada.click('more-button');
		await ada.click('end-room');
		await ada.click('end-room-confirm');
		await ada.click('over-replay');
		const id = await until('the page of the replay', async () => /\/replays\/([0-9a-z]{26})$/.exec(await ada.evaluate(() => location.pathname))?.[1]);
		replay = await ready(clients.ada, id);
		console.log(`        seen while it was made: ${replay.seen.join(', ')}`);
		equal([replay.hearers, replay.speakers.map(({ name, withdrawn }) => [name, withdrawn])], ['everyone', [['Ada Oyelaran', false], ['Fanny Ardant', false]]], 'for whom and of whom it is');
		await until('the page to have it', async () => (await ada.attribute('replay', 'data-state')) === 'ready');
		const files = await stored();
		const of = (ending) => files.find(({ path }) => path.endsWith(ending));
		for (const mix of ['mix.ogg', 'mix.mp4']) {
			equal(of(mix)?.codec, 'opus', `the codec of ${mix}`);
			check(of(mix).tones[FANNY_HZ] >= TALKED && of(mix).loudness > AUDIBLE, `${mix}: ${JSON.stringify(of(mix))}`);
		}
		const hers = files.filter(({ path }) => /tracks\/\d+\.ogg$/.test(path));
		equal(hers.map(({ tones, loudness }) => [tones[FANNY_HZ] >= TALKED, loudness > AUDIBLE]), [[false, true], [true, true]], 'tracks with her voice, and such as are not silent');
		equal(hers[0].tones[FANNY_HZ], 0, 'seconds of her voice in the track of Ada');
		neverBen(files, 'after the talk');
	});

	await group.step('she takes her part out on the page: at once it is not served, and it is made anew without her', async () => {
		const addresses = [...replay.audio.map(({ url }) => url), ...replay.speakers.map(({ url }) => url)];
		equal(addresses.map((url) => typeof url), Array(4).fill('string'), 'addresses of sound');
		for (const url of addresses) equal((await clients.ada.request('GET', url)).status, 200, url);
		await fanny.goto(`${server.site}/replays/${replay.id}`);
		await fanny.shows('replay-picture');
		await fanny.click('replay-withdraw');
		await fanny.shows('replay-withdraw-sure');
		// In the window of this browser, which is small, the player lies over it.
		await fanny.evaluate(() => document.querySelector('[data-testid=replay-withdraw-sure]').scrollIntoView({ block: 'center' }));
		await fanny.click('replay-withdraw-sure');
		await until('it to be withdrawn', async () => (await replayOf(clients.ada, replay.id)).speakers[1].withdrawn);
		for (const url of addresses) {
			const { status, code } = await clients.ada.request('GET', url);
			check([404, 409].includes(status), `${url} after she took her part out: ${status} ${code}`);
		}
		equal(heardIn((await stored()).filter(({ form }) => form === 'track'), FANNY_HZ), '', 'tracks of hers');
		const anew = await ready(clients.ada, replay.id, replay.generation + 1);
		console.log(`        seen while it was made anew: ${anew.seen.join(', ')}`);
		equal(anew.speakers.map(({ name, withdrawn, url }) => [name, withdrawn, url !== null]), [['Ada Oyelaran', false, true], ['Fanny Ardant', true, false]], 'who is in it');
		equal(anew.picture.speakers.map(({ n }) => n), [replay.speakers[0].n], 'lanes of its picture');
		await until('her page to have it', async () => (await fanny.attribute('replay', 'data-state')) === 'ready');
		const mix = await clients.ada.must('GET', anew.audio[0].url);
		equal(mix.status, 200, 'the new sound');
	});

	await group.step('her voice and that of whoever refused are nowhere in the data folder, and what Ada said is', async () => {
		const files = await until('the files that are not wanted any more to be gone', async () => {
			const files = await stored();
			return heardIn(files, FANNY_HZ) === '' && files;
		});
		console.log(`        ${files.map(({ path, seconds }) => `${path.split('/').slice(-2).join('/')} ${seconds.toFixed(1)} s`).join(', ')}`);
		neverBen(files, 'in the end');
		check(files.filter(({ loudness }) => loudness > AUDIBLE).length >= 4, `what is left: ${JSON.stringify(files)}`);
		// What is sent is what is in the folder.
		const sent = await fetch(`${server.site}/api/replays/${replay.id}/audio.mp4`);
		equal(sent.status, 200, 'the answer to a visitor without an account');
		const file = join(folder, 'sent.mp4');
		writeFileSync(file, Buffer.from(await sent.arrayBuffer()));
		const told = await inFile(file, 0, 3_600, [BEN_HZ, FANNY_HZ]);
		equal([told.codec, told.tones], ['opus', { [BEN_HZ]: 0, [FANNY_HZ]: 0 }], 'what a visitor hears');
		check(told.loudness > AUDIBLE, `what a visitor hears has a loudness of ${told.loudness}`);
	});
}
