// Replays that are found by what they are called and by what was said in them, and what comes of it when somebody reports one.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { equal, until } from '../lib/harness.mjs';
import { seen } from '../lib/look.mjs';
import { has } from '../invitations/scene.mjs';
import { arrives, browserOf } from '../members/scene.mjs';
import { recorded, TITLE } from './scene.mjs';

/** What the program of this group writes down of every track. */
const SAID = { from_ms: 9_000, to_ms: 12_000, text: 'Every bridge creaks before it carries a tram.', language: 'en' };

/** A program that writes one thing down. */
function transcriber(folder) {
	const path = join(folder, 'transcriber');
	writeFileSync(path, `#!/bin/sh\necho '${JSON.stringify(SAID)}'\n`);
	chmodSync(path, 0o755);
	return path;
}

export async function found(group) {
	const { server, folder, ada, ben, dita, replay } = await recorded(group);
	server.options = ['--transcriber', transcriber(folder)];
	await server.kill();
	await server.restart();
	await until('the talk to be written down', async () => {
		const { body } = await dita.must('GET', `/api/replays/${replay.id}/transcript`);
		return body.state === 'ready' && body.items.length === 3;
	});
	const person = await browserOf(group, server, 'dita', { client: dita });
	const search = async (words) => {
		await person.goto(`${server.site}/search`);
		await person.fill('search-field', words);
		await until(`an answer to ${words}`, async () => (await person.attribute('search-status', 'data-busy')) === 'false' && (await person.evaluate(() => new URLSearchParams(location.search).get('q'))) === words);
	};

	await group.step('a talk is found by its title, its topic and who speaks in it', async () => {
		for (const words of ['brdiges', 'bridges tea', 'whitlock tea']) {
			await until(`${words} to be in the index`, async () => (await dita.must('GET', `/api/search?q=${encodeURIComponent(words)}`)).body.replays.length > 0);
			await search(words);
			await person.shows('found-replays');
			equal(await person.page.getByTestId('found-said').count(), 0, 'quotes');
		}
		await person.page.getByTestId('found-replays').getByTestId('replay-row').click();
		await arrives(person, `/replays/${replay.id}`);
	});

	await group.step('and by what was said in it, which leads to the second; by keys, too', async () => {
		await search('tram creaks');
		const quote = await person.shows('found-said');
		has(await quote.textContent(), 'the quote', SAID.text, '0:09');
		equal(await quote.locator('mark').allTextContents(), ['creaks', 'tram'], 'what is marked');
		await seen(person, 'search for what was said');
		await person.page.getByTestId('search-field').focus();
		await person.press('ArrowDown');
		await person.press('ArrowDown');
		await until('the quote to have the focus', () => quote.evaluate((own) => own === document.activeElement));
		await person.press('Enter');
		await arrives(person, `/replays/${replay.id}`);
		await until('the player to be there', async () => Math.abs(Number(await person.attribute('replay-at', 'data-at')) - SAID.from_ms) < 500);
	});

	await group.step('a moment of it is reported, and a reply, by what they are', async () => {
		await ben.must('POST', `/api/replays/${replay.id}/replies`, { json: { text: 'What a load of rubbish' } });
		// That alone leads the page on which they are to another moment.
		await person.goto(`${server.site}/replays/${replay.id}#t=12`);
		await person.page.reload();
		await person.click('replay-more');
		await person.click('replay-report');
		const sheet = await person.shows('report-sheet');
		has(await sheet.textContent(), 'the sheet', '0:12');
		await person.click('report-other');
		await person.click('report-send');
		await until('the sheet to close', async () => (await person.page.getByTestId('report-sheet').count()) === 0);
		await person.click('replay-reply-report');
		await person.shows('report-sheet');
		await person.click('report-abuse');
		await person.fill('report-text', 'This is how it begins.');
		await seen(person, 'report of a reply');
		await person.click('report-send');
		await until('both reports to be there', async () => (await ada.must('GET', '/api/admin/reports')).body.items.length === 2);
	});

	await group.step('whoever runs the server goes from the report to what it is about, and deletes it', async () => {
		const owner = await browserOf(group, server, 'ada', { client: ada });
		await owner.goto(`${server.site}/admin/reports`);
		const reply = owner.page.locator('[data-testid=report-replay][data-kind=reply]');
		await reply.waitFor();
		has(await reply.textContent(), 'the reply', 'What a load of rubbish');
		const talk = owner.page.locator('[data-testid=report-replay][data-kind=replay]');
		has(await talk.textContent(), 'the replay', TITLE, '0:12');
		equal(await talk.getByTestId('report-replay-open').getAttribute('href'), `/replays/${replay.id}#t=12`, 'where it leads');
		await seen(owner, 'reports of replays');
		await owner.page.getByTestId('report-replay-delete').first().click();
		await owner.click('report-replay-delete-sure');
		await until('the reply to be gone', async () => (await ada.must('GET', `/api/replays/${replay.id}/replies`)).body.items.length === 0);
		// What was reported stays as it was.
		has(await reply.textContent(), 'the report', 'What a load of rubbish');
	});
}
