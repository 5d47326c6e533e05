// Talks that are recorded with consent, and what is made of them: replays, clips, recaps, podcasts.

import { consent } from '../replays/consent.mjs';
import { found } from '../replays/found.mjs';
import { full } from '../replays/full.mjs';
import { page } from '../replays/page.mjs';
import { players } from '../replays/players.mjs';

export const groups = {
	consent,
	'replay page': page,
	players,
	'found and reported': found,
	'full disk': full
};
