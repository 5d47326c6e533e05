// A session on the stage: what happens there, and around it.

import { around } from '../stage/around.mjs';
import { evidence } from '../stage/evidence.mjs';
import { inFirefox } from '../stage/firefox.mjs';
import { guests } from '../stage/guests.mjs';
import { locked, lockedInFirefox, plain, plainInFirefox } from '../stage/locked.mjs';
import { moderation } from '../stage/moderation.mjs';
import { music } from '../stage/music.mjs';
import { firefox, networks } from '../stage/networks.mjs';
import { running } from '../stage/running.mjs';
import { states } from '../stage/states.mjs';

export const groups = {
	around,
	guests,
	moderation,
	evidence,
	music,
	locked,
	'locked in Firefox': lockedInFirefox,
	plain,
	'plain in Firefox': plainInFirefox,
	networks,
	'networks in Firefox': firefox,
	running,
	'running in Firefox': inFirefox,
	states
};
