// A session on the stage: what happens there, and around it.

import { around } from '../stage/around.mjs';
import { networks } from '../stage/networks.mjs';
import { running } from '../stage/running.mjs';

export const groups = { around, networks, running };
