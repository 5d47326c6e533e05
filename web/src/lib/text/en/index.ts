/**
 * Every word that the pages say, in English: the catalogue that says which texts there are. Another language has the same files
 * with the same keys.
 * Plain, short, warm; no exclamation marks; say what happened, what is kept, and what to do.
 */

import { account } from './account';
import { acts } from './acts';
import { admin } from './admin';
import { around } from './around';
import { common } from './common';
import { errors } from './errors';
import { events } from './events';
import { evidence } from './evidence';
import { callUp, guests } from './guests';
import { hallway } from './hallway';
import { houses } from './houses';
import { inbox } from './inbox';
import { invitations } from './invitations';
import { invites } from './invites';
import { join } from './join';
import { offices } from './offices';
import { people } from './people';
import { proofs } from './proofs';
import { recording } from './recording';
import { replays } from './replays';
import { room } from './room';
import { terms } from './terms';

export const en = {
  ...common,
  ...errors,
  ...join,
  ...hallway,
  ...room,
  around,
  account,
  acts,
  people,
  events,
  offices,
  proofs,
  houses,
  inbox,
  invitations,
  invites,
  admin,
  guests,
  callUp,
  evidence,
  recording,
  replays,
  terms,
};

/** The shape of every catalogue. */
export type Texts = typeof en;
