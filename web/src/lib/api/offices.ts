/** Offices: who acts for whom, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { Page } from './people';
import type { components } from './schema';

type Schemas = components['schemas'];

export type OfficeRight = Schemas['OfficeRight'];
/** What a delegate may do for a member, as one of the two sees it. Times are milliseconds since 1970. */
export type Grant = Answer<Schemas['OfficeGrant']>;
/** Something that a delegate did for the member. */
export type OfficeAct = Answer<Schemas['OfficeAct']>;
export type NewGrant = Schemas['NewGrant'];

const id = encodeURIComponent;

export const offices = {
  mine: async () => (await api.json<{ items: Grant[] }>('GET', '/api/me/office')).items,
  offer: (grant: NewGrant) => api.json<Grant>('POST', '/api/me/office', grant),
  revoke: (grant: string) => api.json<void>('DELETE', `/api/me/office/${id(grant)}`),
  acts: (after: string | null) =>
    api.json<Page<OfficeAct>>('GET', `/api/me/office/acts${after === null ? '' : `?after=${id(after)}`}`),

  /** For whom the member acts, or is asked to. */
  delegations: async () => (await api.json<{ items: Grant[] }>('GET', '/api/me/delegations')).items,
  accept: (grant: string) => api.json<Grant>('POST', `/api/me/delegations/${id(grant)}`),
  /** Lays it down, or says no to it. */
  layDown: (grant: string) => api.json<void>('DELETE', `/api/me/delegations/${id(grant)}`),
};
