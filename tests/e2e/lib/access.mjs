// What everybody needs who cannot use a mouse or a screen: pages without faults that a machine can find, keys that reach
// everything, changes that are said.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { check, until } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Presses of Tab within which everything on a page has had the focus once. */
export const ROUND = 60;

/** Runs axe on the page as it is, in light and in dark or in those `themes`, and lists what it finds. */
export async function faultless(person, what, themes = ['light', 'dark']) {
	await person.evaluate(AXE);
	const found = [];
	for (const colorScheme of themes) {
		await person.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		const violations = await person.evaluate(async (again) => {
			// Another theme changes colours and nothing else.
			const only = again ? { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } } : {};
			const { violations } = await window.axe.run(document, { resultTypes: ['violations'], ...only });
			const where = ({ target, failureSummary }) => `${target} (${failureSummary})`;
			return violations.map(({ id, nodes }) => `${id}: ${nodes.map(where).join('; ')}`);
		}, colorScheme === 'dark');
		found.push(...violations.map((one) => `${what}, ${colorScheme}: ${one}`));
	}
	check(found.length === 0, found.join('\n'));
}

/** Opens a sheet by a button, checks the page with it, and closes it. */
export async function sheetFaultless(person, button, what) {
	await person.click(button);
	await person.page.getByRole('dialog').waitFor();
	await faultless(person, what);
	await person.dismiss();
	await person.page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Goes on with Tab until something has the focus, which must be visible. */
export async function tabTo(person, id) {
	for (let i = 0; i < ROUND; i++) {
		await person.press('Tab');
		if (await focused(person, id)) {
			const shows = await person.evaluate(() => {
				const { activeElement } = document;
				return activeElement.matches(':focus-visible') && getComputedStyle(activeElement).outlineStyle !== 'none';
			});
			return check(shows, `${id} has the focus, but it does not show`);
		}
	}
	throw new Error(`${person.handle} did not reach ${id} within ${ROUND} presses of Tab`);
}

function focused(person, id) {
	return person.evaluate((wanted) => document.activeElement?.dataset.testid === wanted, id);
}

export function hasFocus(person, id) {
	return until(`the focus to be on ${id}`, () => focused(person, id));
}

/** Tabs to a control that is or will be there and presses a key on it. */
export async function press(person, id, key = 'Enter') {
	await person.page.getByTestId(id).first().waitFor({ timeout: 45_000 });
	await tabTo(person, id);
	await person.press(key);
}

/** Waits until a live region says something. */
export function says(person, words) {
	return until(`${person.handle} to be told ${words}`, () =>
		person.evaluate((wanted) => {
			const regions = [...document.querySelectorAll('[role=status], [role=alert], [aria-live]')];
			return regions.some((region) => region.textContent.includes(wanted));
		}, words)
	);
}
