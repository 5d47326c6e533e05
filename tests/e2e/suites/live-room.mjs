// A live room between real browsers: issue by issue this is what people do first.

import { accessible } from '../live-room/accessible.mjs';
import { bots } from '../live-room/bots.mjs';
import { full } from '../live-room/full.mjs';
import { networks } from '../live-room/networks.mjs';
import { packing } from '../live-room/packing.mjs';
import { pictures } from '../live-room/pictures.mjs';
import { players } from '../live-room/players.mjs';
import { refusals } from '../live-room/refusals.mjs';
import { restart } from '../live-room/restart.mjs';
import { talk } from '../live-room/talk.mjs';

export const groups = {
	'bad input': refusals,
	bots,
	players,
	'a talk': talk,
	'kill and restart': restart,
	'a full server': full,
	networks,
	packing,
	accessible,
	pictures
};
