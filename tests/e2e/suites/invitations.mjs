// Invitations that everybody can read and that are answered, the talks that come of them, and who acts for whom.

import { feeds } from '../invitations/feeds.mjs';
import { keyboard } from '../invitations/keyboard.mjs';
import { looks } from '../invitations/looks.mjs';
import { offices } from '../invitations/offices.mjs';
import { pages } from '../invitations/pages.mjs';
import { proofs } from '../invitations/proofs.mjs';
import { story } from '../invitations/story.mjs';
import { once } from '../invitations/told.mjs';

export const groups = {
	story,
	proofs,
	'told once': once,
	offices,
	feeds,
	pages,
	'by keyboard': keyboard,
	looks
};
