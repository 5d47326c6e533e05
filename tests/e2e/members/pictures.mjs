// Screenshots of what members see, at two sizes and in both themes. SCREENSHOTS=1 puts them into docs/images, where the
// documents show them; else there is nothing to do.

import { join } from 'node:path';

import { ROOT, until } from '../lib/harness.mjs';
import { Server } from '../lib/server.mjs';
import { browserOf, DESK, furnished, PHONE, rooms } from './scene.mjs';

const FOLDER = join(ROOT, 'docs/images');
/** Name of the picture: where it is taken, and what is there once the page is. */
const PAGES = {
	'hallway-reasons': ['/', 'room-card'],
	profile: ['/people/ben', 'talk'],
	house: ['/houses/valves', 'house-members'],
	inbox: ['/inbox', 'notice'],
	tree: ['/admin/tree', 'tree-ben'],
	settings: ['/admin/settings', 'settings-save'],
	invites: ['/invites', 'invites-list']
};

export async function pictures(group) {
	if (!process.env.SCREENSHOTS) return;
	const server = group.use(await Server.start(group.folder()));
	const all = await furnished(server);
	for (const socket of (await rooms(all)).sockets) group.use(socket);
	for (const colorScheme of ['light', 'dark']) {
		for (const [size, { viewport }] of [
			[390, PHONE],
			[1280, DESK]
		]) {
			await group.step(`members' pages, ${colorScheme}, ${size} px`, async () => {
				const viewer = await browserOf(group, server, `viewer-${size}-${colorScheme}`, { client: all.ada, viewport, colorScheme });
				for (const [name, [path, id]] of Object.entries(PAGES)) {
					await viewer.goto(`${server.site}${path}`);
					await viewer.shows(id);
					if (name === 'tree') await viewer.click(id);
					if (name === 'invites') {
						await viewer.fill('invite-note', 'The accordion is welcome');
						await viewer.click('invite-make');
						await viewer.shows('invite-made');
					}
					await until('the fonts', () => viewer.evaluate(() => document.fonts.status === 'loaded'));
					await viewer.evaluate(() => {
						document.activeElement?.blur();
						for (const one of [document.scrollingElement, document.querySelector('main')]) one.scrollTop = 0;
					});
					await viewer.screenshot(join(FOLDER, `${name}-${size}-${colorScheme}.png`));
				}
				await viewer.close();
			});
		}
	}
}
