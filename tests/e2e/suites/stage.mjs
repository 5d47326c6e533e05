// A session on the stage: what happens there, and around it.

import { around } from '../stage/around.mjs';
import { guests } from '../stage/guests.mjs';
import { moderation } from '../stage/moderation.mjs';
import { music } from '../stage/music.mjs';
import { firefox, networks } from '../stage/networks.mjs';
import { running } from '../stage/running.mjs';

export const groups = { around, guests, moderation, music, networks, 'networks in Firefox': firefox, running };
