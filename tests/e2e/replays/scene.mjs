// What the groups about replays have in common: a talk of three people in a house, recorded by the rules, and the replay of it.

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { check, equal, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { writeSpeech } from '../lib/speech.mjs';
import { MINUTE } from '../invitations/scene.mjs';
import { found, joinHouse, own } from '../members/scene.mjs';
import { Speakers } from './sound.mjs';

export const TITLE = 'Tea & <b>bridges</b>';
/** Pitches of those who do not speak with words. */
export const [BEN_HZ, CHEN_HZ] = [620, 1_460];
/** Who talks when in the talk, in seconds; nobody does between 14 and 21. Chen leads from 20 on. */
const FLOOR_AT = 20_000;
const TURNS = { ada: [[1, 7], [33, 38]], ben: [[8, 14], [38.5, 45]], chen: [[21, 32]] };

/** Sends a command that must be accepted. */
export async function commands(socket, command) {
	const answer = await socket.command(command);
	equal(answer.error ?? null, null, `the answer to ${command.type}`);
}

/** A replay as somebody is told of it. */
export const replayOf = async (client, id) => (await client.must('GET', `/api/replays/${id}`)).body;

/** Waits until a replay of this generation, or a later one, can be heard; gives it, with every state it was seen in. */
export async function ready(client, id, generation = 1) {
	const seen = new Set();
	const replay = await until(
		'the replay to be made',
		async () => {
			const now = await replayOf(client, id);
			seen.add(now.state);
			check(now.progress >= 0 && now.progress <= 100, `${now.progress} percent are done`);
			return now.state === 'ready' && now.generation >= generation && now;
		},
		// It is made by a thread that lets everybody else go first.
		{ every: 20, patience: 150_000 }
	);
	return { ...replay, seen: [...seen] };
}

/** What is left of the talk for the next group that wants it: its data, the clients, and the ids of room and replay. */
let kept = null;

/** A talk of Ada, who hosts it, Ben and Chen, recorded for everyone; Dita listens and reacts. Gives the server, those people's
 * clients by handle, and the replay once it is made. It is held once in a run; each group has a server of its own with what is left. */
export async function recorded(group) {
	const folder = group.folder();
	if (kept) cpSync(kept.data, join(folder, 'data'), { recursive: true });
	const server = group.use(await Server.start(folder));
	if (kept) {
		for (const client of Object.values(kept.people)) client.url = server.url;
	} else {
		const talk = await talked(group, folder, server);
		const data = mkdtempSync(join(tmpdir(), 'roomtone-e2e-'));
		process.once('exit', () => rmSync(data, { recursive: true, force: true }));
		await server.kill();
		cpSync(server.data, data, { recursive: true });
		await server.restart();
		kept = { data, ...talk };
	}
	return { server, folder, ...kept.people, room: kept.room, event: kept.event, replay: await replayOf(kept.people.ada, kept.id) };
}

/** Holds the talk; gives the people in it, its event, its room and the id of its replay. */
async function talked(group, folder, server) {
	const ada = await own(server, 'ada', 'Ada Oyelaran');
	const people = { ada };
	for (const [handle, name] of [['ben', 'Ben Whitlock'], ['chen', 'Chen Li'], ['dita', 'Dita Králová']]) people[handle] = await server.member(handle, name);
	await ada.must('PATCH', '/api/me', { json: { public: true, bio: 'Crosses <bridges> & says so.' } });
	await found(ada, 'valves', 'Valves & wires', { about: 'People who would rather repair it.' });
	for (const one of [people.ben, people.chen, people.dita]) await joinHouse(one, 'valves');
	const announced = { title: TITLE, house: 'valves', topics: ['bridges'], starts_at: Date.now() + 10 * MINUTE, time_zone: 'Europe/London' };
	const event = (await ada.must('POST', '/api/events', { json: announced })).body.id;
	const room = (await ada.must('POST', `/api/events/${event}/room`)).body.id;
	const sockets = {};
	for (const [handle, client] of Object.entries(people)) sockets[handle] = group.use(await client.enter(room));
	for (const handle of ['ben', 'chen']) {
		await commands(sockets.ada, { type: 'offer_stage', member: people[handle].me.id });
		await commands(sockets[handle], { type: 'accept_offer' });
	}
	const voice = join(folder, 'voice.wav');
	writeSpeech(voice);
	const sounds = { ada: voice, ben: BEN_HZ, chen: CHEN_HZ };
	const script = Object.entries(TURNS).map(([handle, turns]) => ({ client: people[handle], parts: turns.map((turn) => [...turn, sounds[handle]]) }));
	const speakers = group.use(new Speakers(server.url, room, script));
	await speakers.are('publishing');
	await commands(sockets.ada, { type: 'set_recording', to: 'everyone' });
	const { recording } = (await until('the recording', () => sockets.dita.events().find(({ event }) => event.type === 'recording_begun'))).event;
	for (const handle of Object.keys(TURNS)) {
		await commands(sockets[handle], { type: 'consent_recording', replay: recording.replay, text: recording.text, agree: true });
	}
	speakers.begin();
	const since = Date.now();
	await commands(sockets.ada, { type: 'pin_link', url: 'https://example.org/bridges', label: 'A list of bridges' });
	sockets.dita.send({ type: 'react', kind: 'applause' });
	await until('the interview to be handed over', () => Date.now() - since > FLOOR_AT);
	await commands(sockets.ada, { type: 'give_floor', member: people.chen.me.id });
	sockets.dita.send({ type: 'react', kind: 'heart' });
	await speakers.are('over');
	await commands(sockets.ada, { type: 'end' });
	await ready(ada, recording.replay);
	for (const socket of Object.values(sockets)) socket.close();
	speakers.close();
	return { people, event, room, id: recording.replay };
}

/** The turns of a replay by time, as its picture has them: whose number, from, to. */
export const turnsOf = ({ picture }) =>
	picture.speakers.flatMap(({ n, spans }) => spans.map(([from, to]) => ({ n, from, to }))).sort((one, other) => one.from - other.from);
