// Suites, groups and steps. A group has its own server and people; its steps build on each other, so the first that
// fails ends the group. What a group uses is closed at its end, newest first.

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { mkdtempSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
export const RESULTS = join(ROOT, 'tests/e2e/results');

/** The longest one step may take, in ms: several browsers share two cores. */
const STEP_LIMIT = 180_000;
/** How long a condition is waited for unless told, in ms. */
const PATIENCE = 45_000;

/** Everything open now, so that an interrupted run leaves nothing behind. */
const open = new Set();

export class Tally {
	passed = 0;
	failed = 0;
	skipped = 0;
}

export class Group {
	#resources = [];
	#steps = 0;

	constructor(title, tally) {
		this.title = title;
		this.tally = tally;
	}

	/** Registers what has a `close()`; gives it back. */
	use(resource) {
		this.#resources.push(resource);
		open.add(resource);
		return resource;
	}

	/** A folder that is gone after the group. */
	folder() {
		const path = mkdtempSync(join(tmpdir(), 'roomtone-e2e-'));
		this.use({ close: () => rmSync(path, { recursive: true, force: true }) });
		return path;
	}

	async step(name, act) {
		const began = Date.now();
		this.#steps += 1;
		try {
			await within(STEP_LIMIT, act(), 'the step');
		} catch (error) {
			error.step = name;
			throw error;
		}
		this.tally.passed += 1;
		console.log(`ok      ${this.title}: ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
	}

	/** Says why a step cannot be run here. In CI that is a failure: there everything has to run. */
	skip(name, why) {
		if (process.env.CI === 'true') throw Object.assign(new Error(why), { step: name });
		this.tally.skipped += 1;
		console.log(`skipped ${this.title}: ${name}: ${why}`);
	}

	/** Writes down what the group's people and server showed when it failed. */
	async #evidence() {
		const folder = join(RESULTS, this.title.replaceAll(/[^a-z0-9]+/gi, '-'));
		mkdirSync(folder, { recursive: true });
		for (const resource of this.#resources) {
			await within(15_000, Promise.resolve(resource.evidence?.(folder)), 'evidence').catch(() => {});
		}
		return folder;
	}

	async run(act) {
		try {
			await act(this);
		} catch (error) {
			this.tally.failed += 1;
			console.log(`FAILED  ${this.title}: ${error.step ?? 'setting up'}`);
			console.log(`        ${String(error.stack ?? error).replaceAll('\n', '\n        ')}`);
			console.log(`        evidence: ${await this.#evidence()}`);
		} finally {
			for (const resource of this.#resources.reverse()) {
				await within(20_000, Promise.resolve(resource.close()), 'closing').catch((error) => console.log(String(error)));
				open.delete(resource);
			}
		}
	}
}

/** Closes what is still open; for signals. */
export async function closeEverything() {
	await Promise.allSettled([...open].reverse().map((resource) => resource.close()));
}

/** Rejects when `promise` takes longer than `ms`. */
export async function within(ms, promise, what) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

/** Asks `probe` until it gives something truthy, and gives that. Errors of the probe count as "not yet". */
export async function until(what, probe, { patience = PATIENCE, every = 100 } = {}) {
	const end = Date.now() + patience;
	let last;
	for (;;) {
		try {
			last = await probe();
			if (last) return last;
		} catch (error) {
			last = error;
		}
		if (Date.now() > end) {
			throw new Error(`waited ${patience} ms for ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
		}
		await pause(every);
	}
}

/** For looking again a little later, and for stretches of time that are themselves what is measured. */
export function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

export function check(condition, message) {
	if (!condition) throw new Error(message);
}

export function equal(found, expected, what) {
	const [one, two] = [JSON.stringify(found), JSON.stringify(expected)];
	check(one === two, `${what}: expected ${two}, found ${one}`);
}

export function save(folder, name, text) {
	writeFileSync(join(folder, name), text);
}

/** The built program `name`, or the one an environment variable names. */
export function program(name, variable) {
	const path = process.env[variable] ?? join(ROOT, 'target/debug', name);
	check(existsSync(path), `${path} is missing: build it with cargo build -p ${name}`);
	return path;
}
