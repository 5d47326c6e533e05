// Members: how they come in, what they are to each other, their houses, and those who run the place.

import { accessible } from '../members/accessible.mjs';
import { account } from '../members/account.mjs';
import { eachOther } from '../members/each_other.mjs';
import { houses } from '../members/houses.mjs';
import { pictures } from '../members/pictures.mjs';
import { running } from '../members/running.mjs';
import { wayIn } from '../members/way_in.mjs';

export const groups = {
	'the way in': wayIn,
	'each other': eachOther,
	houses,
	'running it': running,
	account,
	accessible,
	pictures
};
