/** What whoever gave a step is called, in the language in use. */

import type { Invitation, Voice } from '$lib/api/invitations';
import { text } from '$lib/text';
import { nameOf } from './letter';

export function voiceName(voice: Voice, of: Pick<Invitation, 'host' | 'invitee'>): string {
  const words = text.invitations;
  if (voice.kind === 'system') return words.seal.system;
  if (voice.kind === 'office') return words.seal.officeName(voice.name || words.gone);
  if (voice.kind === 'unverified') return words.seal.unverifiedName(voice.name || words.gone);
  return voice.name || (voice.side === 'host' ? of.host.name : (nameOf(of.invitee) ?? words.gone));
}
