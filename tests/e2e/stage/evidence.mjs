// The last minute of a talk, kept for reports: only where the host switches it on and everybody sees it, only of those who
// agree, and heard only by those who run the place.

import { says } from '../lib/access.mjs';
import { ChromiumPerson } from '../lib/browser.mjs';
import { check, equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, own } from '../members/scene.mjs';

const STILL = { reducedMotion: 'reduce' };
/** For how long, in ms, two people talk before one is reported: enough for a tone to stand out. */
const TALKED = 6_000;
/** How much stronger a tone that is there is than one that is not. */
const STANDS_OUT = 30;

/** How strong tones are in the track of a report, as amplitudes, and how long it is in s; by the browser's own decoder. */
function tones(person, address, frequencies) {
	return person.evaluate(
		async ([url, all]) => {
			const answer = await fetch(url);
			const headers = Object.fromEntries(['content-type', 'cache-control'].map((name) => [name, answer.headers.get(name)]));
			if (!answer.ok) return { status: answer.status };
			const sound = await new OfflineAudioContext(1, 48_000, 48_000).decodeAudioData(await answer.arrayBuffer());
			const samples = sound.getChannelData(0);
			// Goertzel's algorithm over windows of 4,096 samples, of which the strongest counts.
			const strength = (hz) => {
				const turn = 2 * Math.cos((2 * Math.PI * hz) / sound.sampleRate);
				let most = 0;
				for (let at = 0; at + 4_096 <= samples.length; at += 4_096) {
					let [a, b] = [0, 0];
					for (let i = at; i < at + 4_096; i++) [a, b] = [samples[i] + turn * a - b, a];
					most = Math.max(most, Math.sqrt(Math.max(0, a * a + b * b - turn * a * b)) / 2_048);
				}
				return most;
			};
			return { status: answer.status, headers, seconds: sound.duration, strengths: all.map(strength) };
		},
		[address, frequencies]
	);
}

export async function evidence(group) {
	const folder = group.folder();
	const server = group.use(await Server.start(folder));
	const owner = await own(server);
	const clients = {};
	for (const [handle, name] of [['ada', 'Ada Oyelaran'], ['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['dita', 'Dita Králová']]) {
		clients[handle] = await server.member(handle, name);
	}
	const launch = async (handle, hz) => group.use(await ChromiumPerson.launch(handle, hz, folder, STILL));
	const [ada, ben, chen, dita] = [await launch('ada', 330), await launch('ben', 550), await launch('chen', 770), await launch('dita', 990)];
	const room = await clients.ada.openRoom('A talk that can be reported');
	for (const one of [ada, ben, chen, dita]) {
		await one.signIn(server.site, clients[one.handle]);
		await one.enter(room);
	}
	for (const one of [ben, chen]) {
		await ada.act(one.handle, 'offer');
		await one.click('offer-accept');
		await ada.waitSees(one.handle, { role: 'speaker' });
	}
	const switchIt = async () => {
		await ada.click('more-button');
		await ada.click('open-run');
		await ada.click('switch-evidence');
	};
	const mine = async (person) => {
		await person.click(`person-${person.handle}`);
		await person.shows('evidence-mine');
	};
	const agreed = (person) => person.evaluate(() => window.__roomtone.room.stage.filter((one) => one.evidence).map((one) => one.person.handle).sort().join());

	await group.step('it is off at first: nobody is asked, no mark is shown, and only the host can switch it', async () => {
		for (const one of [ada, ben, dita]) equal(await one.page.getByTestId('evidence-mark').count(), 0, `marks for ${one.handle}`);
		equal(await ben.page.getByTestId('evidence-ask').count(), 0, 'questions');
		await dita.click('person-ben');
		await dita.click('action-report');
		equal(await dita.page.getByTestId('report-evidence').count(), 0, 'ways to add sound');
		await dita.dismiss();
	});

	await group.step('the host switches it on: it is read out to all, and everybody sees the mark and what it means', async () => {
		await switchIt();
		await until('the switch', async () => (await ada.page.getByTestId('switch-evidence').isChecked()) === true);
		// What is said is gone after some seconds.
		await Promise.all([
			says(dita, 'The last minute of what is said on stage is kept for reports here'),
			says(ben, 'The room asks whether yours may be')
		]);
		await seen(ada, 'evidence switch of the host');
		await ada.dismiss();
		for (const one of [ada, ben, chen, dita]) await one.shows('evidence-mark');
		await seen(dita, 'evidence mark');
		await dita.click('evidence-mark');
		await dita.shows('evidence-sheet');
		check((await dita.page.getByTestId('evidence-sheet').textContent()).includes('Nobody on stage has agreed yet'), 'it is not said that nobody agreed');
		equal(await dita.page.getByTestId('evidence-mine').count(), 0, 'switches for a listener');
		await dita.dismiss();
	});

	await group.step('whoever is on stage is asked, can talk before answering, and one agrees', async () => {
		await ben.shows('evidence-ask');
		await ben.microphone(true);
		await ben.shows('evidence-ask');
		await dita.hears(ben);
		await seen(ben, 'evidence question');
		await ben.click('evidence-agree');
		await ben.misses('evidence-ask');
		await says(ben, 'is kept from now on');
		await until('it to be known', async () => (await agreed(dita)) === 'ben');
	});

	await group.step('another does not, changes their mind twice in their own sheet, and is not asked again', async () => {
		await chen.click('evidence-no');
		await chen.misses('evidence-ask');
		await ada.click('evidence-no');
		await mine(chen);
		await seen(chen, 'evidence own sheet');
		await chen.click('evidence-mine');
		await until('it to be known', async () => (await agreed(dita)) === 'ben,chen');
		await chen.click('evidence-mine');
		await until('it to be taken back', async () => (await agreed(dita)) === 'ben');
		await chen.dismiss();
		equal(await chen.page.getByTestId('evidence-ask').count(), 0, 'questions after an answer');
		await dita.click('person-ben');
		await dita.shows('has-agreed');
		await seen(dita, 'evidence somebody who agreed');
		await dita.dismiss();
		await dita.click('person-chen');
		equal(await dita.page.getByTestId('has-agreed').count(), 0, 'marks of whoever did not agree');
		await dita.dismiss();
		await dita.click('evidence-mark');
		await dita.shows('agreed-ben');
		equal(await dita.page.getByTestId('agreed-chen').count(), 0, 'those who did not agree');
		await seen(dita, 'evidence what the mark means');
		await dita.dismiss();
	});

	await group.step('both talk, and a listener reports it with the last minute of sound', async () => {
		await chen.microphone(true);
		await dita.hears(ben);
		await dita.hears(chen);
		const since = Date.now();
		await until('some seconds of talk', () => Date.now() - since > TALKED);
		await dita.hears(ben);
		await dita.hears(chen);
		await dita.click('person-chen');
		await dita.click('action-report');
		await dita.click('report-abuse');
		await dita.fill('report-text', 'They shouted at each other.');
		check(!(await dita.page.getByTestId('report-evidence').isChecked()), 'sound is added without being asked for');
		await dita.click('report-evidence');
		check((await dita.page.getByText('of the 1 person who agreed').count()) === 1, 'it is not said of how many');
		await seen(dita, 'evidence in a report');
		await dita.click('report-send');
		await says(dita, 'It went with the last minute of 1 person.');
	});

	await group.step('those who run the place hear whoever agreed, and nobody else', async () => {
		const olga = await browserOf(group, server, 'olga', { client: owner });
		await olga.goto(`${server.site}/admin/reports`);
		await olga.shows('report-tracks');
		equal(await olga.page.getByTestId('report-track').count(), 1, 'tracks');
		equal(await olga.attribute('report-track', 'data-by'), 'ben', 'of whom');
		await seen(olga, 'evidence for admins');
		const player = olga.page.getByTestId('report-track').locator('audio');
		const address = await player.getAttribute('src');
		const heard = await tones(olga, address, [ben.hz, chen.hz]);
		console.log(`        ${JSON.stringify(heard)}`);
		equal(heard.status, 200, 'the answer');
		equal(heard.headers, { 'content-type': 'audio/ogg', 'cache-control': 'no-store' }, 'its headers');
		const [one, other] = heard.strengths;
		check(one > 0.05 && one > STANDS_OUT * other, `Ben's tone ${one}, Chen's ${other}`);
		check(heard.seconds * 1_000 > TALKED / 2 && heard.seconds < 61, `a track of ${heard.seconds} s`);
		// The player of the page plays it, too.
		await player.evaluate((audio) => {
			audio.muted = true;
			return audio.play();
		});
		await until('the player to play', () => player.evaluate((audio) => audio.currentTime > 0.5 && audio.error === null));
		const asDita = await tones(dita, address, []);
		equal(asDita.status, 404, 'the track for a member');
		await olga.goto(`${server.site}/admin/audit`);
		await until('it in the audit log', () => olga.evaluate(() => document.body.textContent.includes('Listened to the sound of a report')));
		await seen(olga, 'evidence audit log');
	});

	await group.step('switched off it is gone, for everybody; switched on again everybody is asked anew', async () => {
		await switchIt();
		await ada.dismiss();
		await says(dita, 'The last minute of the talk is not kept any more');
		for (const one of [ben, dita]) await one.misses('evidence-mark');
		await until('nobody to agree', async () => (await agreed(dita)) === '');
		const refused = await clients.dita.request('POST', '/api/reports', {
			json: { about: 'ben', room, reason: 'abuse', text: '', evidence: true }
		});
		equal([refused.status, refused.code], [409, 'evidence_off'], 'a report with sound');
		await switchIt();
		await ada.dismiss();
		for (const one of [ben, chen, dita]) await one.shows(one === dita ? 'evidence-mark' : 'evidence-ask');
		equal(await agreed(dita), '', 'those who agree');
	});

	await group.step('whoever leaves the stage takes their agreement along, and is asked again when they come back', async () => {
		await ben.click('evidence-agree');
		await until('it to be known', async () => (await agreed(dita)) === 'ben');
		await ada.act('ben', 'move');
		await dita.waitSees('ben', { role: 'listener' });
		equal(await agreed(dita), '', 'those who agree');
		await ada.act('ben', 'offer');
		await ben.click('offer-accept');
		await ben.shows('evidence-ask');
		await ada.click('more-button');
		await ada.click('open-run');
		await ada.click('run-log');
		await until('it in the log', async () => {
			const kinds = await ada.page.getByTestId('act').evaluateAll((acts) => acts.map(({ dataset }) => dataset.kind));
			return kinds.filter((kind) => kind.startsWith('evidence_')).join() === 'evidence_on,evidence_off,evidence_on';
		});
		await seen(ada, 'evidence log');
	});
}
