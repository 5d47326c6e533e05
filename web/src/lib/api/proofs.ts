/** Proofs of domains, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import { api, type Answer } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type ProofMethod = Schemas['ProofMethod'];
export type ProofState = Schemas['ProofState'];
export type Publication = Schemas['ProofPublication'];
/** A domain that is, or is to be, proven, as its owner sees it. Times are milliseconds since 1970. */
export type Proof = Answer<Schemas['Proof']>;
/** What came of looking: why it was not found is null if it was. */
export type Checked = Answer<Schemas['CheckedProof']>;
/** A domain that is proven, as everybody sees it. */
export type ProvenDomain = Schemas['ProvenDomain'];

/** The proofs of one person. */
export interface ProofsOf {
  list: () => Promise<Proof[]>;
  begin: (domain: string, method: ProofMethod) => Promise<Proof>;
  /** Has the server look now. */
  check: (proof: string) => Promise<Checked>;
  remove: (proof: string) => Promise<void>;
}

const id = encodeURIComponent;

/** Proofs under an address: `/api/me/proofs`, or those of who answers an invitation. */
export function proofsOf(path: string): ProofsOf {
  return {
    list: async () => (await api.json<{ items: Proof[] }>('GET', path)).items,
    begin: (domain, method) => api.json('POST', path, { domain, method }),
    check: (proof) => api.json('POST', `${path}/${id(proof)}/check`),
    remove: (proof) => api.json('DELETE', `${path}/${id(proof)}`),
  };
}

export const myProofs = proofsOf('/api/me/proofs');
