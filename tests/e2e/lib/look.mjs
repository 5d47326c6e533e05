// What a page looks like: pictures at both sizes and in both themes, and that axe finds nothing at either size.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { faultless } from './access.mjs';
import { RESULTS } from './harness.mjs';

const SIZES = { 390: { width: 390, height: 844 }, 1280: { width: 1280, height: 900 } };

/** Looks at what a person with Chromium sees; the pictures are kept with the results under `name`, and the page as it was. */
export async function seen(person, name) {
	mkdirSync(RESULTS, { recursive: true });
	for (const [size, viewport] of Object.entries(SIZES)) {
		await person.page.setViewportSize(viewport);
		// Another size changes no colours.
		await faultless(person, `${name} at ${size} px`, size === '390' ? ['light', 'dark'] : ['light']);
		for (const colorScheme of ['light', 'dark']) {
			await person.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
			await person.screenshot(join(RESULTS, `${name.replaceAll(' ', '-')}-${size}-${colorScheme}.png`));
		}
	}
}
