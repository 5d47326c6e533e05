// Guarantee G11: an answer is shown with the proof there is, and with no more than that. Each way to prove a domain, found by a server
// that looks; and a domain that the host did not name, which proves who somebody is to nobody.

import { equal, until } from '../lib/harness.mjs';
import { Domains } from '../lib/domains.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf } from '../members/scene.mjs';
import { acts, as, asks, has, invitation, INVITEE, line } from './scene.mjs';

const PLACE = 'someplace.example';

export async function proofs(group) {
	const folder = group.folder();
	const domains = group.use(await Domains.start(folder, [INVITEE.domain, PLACE]));
	const server = group.use(await Server.start(folder, '127.0.0.1', domains.options));
	const [ada, eva] = [await server.member('ada', 'Ada Oyelaran'), await server.member('eva', 'Eva Stone')];
	const reader = await browserOf(group, server, 'eva', { client: eva });
	/** Takes the link of a letter; gives the cookie by which its bearer answers. */
	const answers = async (id, more) => {
		const { url } = (await ada.must('POST', `/api/invitations/${id}/link`)).body;
		const path = `/api/answers/${url.split('/').pop()}`;
		const taken = await ada.must('POST', path, { token: null, ...more });
		equal((await ada.request('POST', path, { token: null, ...more })).code, 'answer_link_not_found', 'the link once more');
		return taken.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; ');
	};
	/** Proves a domain in one of the ways, as whoever has this cookie. */
	const proves = async (id, cookie, domain, method) => {
		const path = `/api/invitations/${id}/proofs`;
		const { id: proof, publish } = (await ada.must('POST', path, { json: { domain, method }, ...as(cookie) })).body;
		const look = async () => (await ada.must('POST', `${path}/${proof}/check`, as(cookie))).body;
		equal((await look()).proof.state, 'waiting', `${method}, before it is there`);
		if (method === 'dns') domains.says(publish.name, publish.value);
		if (method === 'file') domains.publishes(publish.url, publish.line);
		if (method === 'rel_me') domains.publishes(publish.page, `<p>Hello</p><a rel="me" href="${publish.href}">Our answer</a>`);
		equal((await look()).proof.state, 'holds', `${method}, once it is there`);
	};
	const voices = async (id) => (await invitation(eva, id)).steps.filter(({ kind }) => kind !== 'asked').map(({ voice }) => voice);
	const ask = 'What exactly is proposed?';

	for (const method of ['dns', 'file', 'rel_me']) {
		await group.step(`the domain that the host named, proven by ${method}: everybody sees it beside what was said`, async () => {
			const { id } = await asks(ada);
			const cookie = await answers(id);
			await acts(ada, id, 'need_details', { cookie, text: ask });
			equal((await voices(id)).map(({ kind, proof }) => [kind, proof]), [['unverified', null]], 'the voice without a proof');
			await proves(id, cookie, INVITEE.domain, method);
			const [voice] = await voices(id);
			equal([voice.kind, voice.proof.kind, voice.proof.domain, voice.proof.method], ['person', 'domain', INVITEE.domain, method], 'the voice with it');
			equal((await invitation(eva, id)).invitee.verified, [INVITEE.domain], 'the domains of the invitee');
			await acts(ada, id, 'withdraw');
		});
	}

	await group.step('another domain than the one that was named cannot be proven', async () => {
		const { id } = await asks(ada);
		const cookie = await answers(id);
		const json = { domain: PLACE, method: 'dns' };
		equal((await ada.request('POST', `/api/invitations/${id}/proofs`, { json, ...as(cookie) })).code, 'invalid_domain', 'the answer');
		await acts(ada, id, 'withdraw');
	});

	await group.step('where none was named, any domain is shown, and whoever has it stays an unverified voice', async () => {
		const { id } = await asks(ada, { invitee: { name: INVITEE.name } });
		const cookie = await answers(id, { json: { office: true } });
		await acts(ada, id, 'need_details', { cookie, text: ask });
		await proves(id, cookie, PLACE, 'dns');
		const [voice] = await voices(id);
		equal([voice.kind, voice.proof.domain], ['unverified', PLACE], 'the voice, with its proof');
		equal((await invitation(eva, id)).invitee.verified, [], 'the domains of the invitee');
		await reader.goto(`${server.site}/invitations/${id}`);
		const { voice: kind, text } = await line(reader, 'need_details');
		equal(kind, 'unverified', 'the line');
		has(text, 'the line', 'An unverified voice for President Orlov', PLACE);
		await until('readers without an account to see the same', async () => {
			const page = await (await fetch(`${server.site}/invitations/${id}`)).text();
			has(page, 'the page', 'An unverified voice for President Orlov', PLACE);
			return true;
		});
	});

	await group.step('whoever answers as an office is shown as one, once its domain is proven', async () => {
		const { id } = await asks(ada);
		const cookie = await answers(id, { json: { office: true } });
		await acts(ada, id, 'need_details', { cookie, text: ask });
		equal((await voices(id)).map(({ kind }) => kind), ['unverified'], 'the voice without a proof');
		domains.publishes(`https://${INVITEE.domain}/.well-known/roomtone`, '');
		await proves(id, cookie, INVITEE.domain, 'file');
		equal((await voices(id)).map(({ kind }) => kind), ['office'], 'the voice with it');
		await reader.goto(`${server.site}/invitations/${id}`);
		has((await line(reader, 'need_details')).text, 'the line', 'The office of President Orlov', INVITEE.domain);
	});

	await group.step('a new link ends what the one before let do', async () => {
		const { id } = await asks(ada);
		const cookie = await answers(id);
		equal((await invitation(ada, id, cookie)).you, 'outside', 'as whom they read it');
		const other = await answers(id);
		equal((await invitation(ada, id, cookie)).you, null, 'as whom they read it after that');
		equal((await invitation(ada, id, other)).you, 'outside', 'as whom the other does');
		equal((await ada.request('GET', `/api/invitations/${id}/proofs`, as(cookie))).status, 401, 'their proofs');
	});
}
