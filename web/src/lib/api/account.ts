/** Signing in and the member's own account, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/browser';
import { api, type Answer, type Me } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type Passkey = Answer<Schemas['Passkey']>;
export type Session = Answer<Schemas['Session']>;
export type Mail = Answer<Schemas['Mail']>;
export type Place = Answer<Schemas['Server']>;
export type WaysIn = Answer<Schemas['WaysIn']>;
export type NoticeChoices = Answer<Schemas['NoticeChoices']>;

/** The first half of a passkey ceremony; the options are JSON of Web Authentication Level 3, section 5.1. */
interface Ceremony<Options> {
  ceremony: string;
  options: Options;
}

const id = encodeURIComponent;

export const account = {
  beginPasskey: () =>
    api.json<Ceremony<PublicKeyCredentialCreationOptionsJSON>>('POST', '/api/passkeys/begin'),
  finishPasskey: (ceremony: string, name: string, credential: RegistrationResponseJSON) =>
    api.json<Passkey>('POST', '/api/passkeys/finish', { ceremony, name, credential }),
  passkeys: async () => (await api.json<Answer<Schemas['Passkeys']>>('GET', '/api/passkeys')).items,
  renamePasskey: (passkey: string, name: string) =>
    api.json<void>('PATCH', `/api/passkeys/${id(passkey)}`, { name }),
  removePasskey: (passkey: string) => api.json<void>('DELETE', `/api/passkeys/${id(passkey)}`),

  place: () => api.json<Place>('GET', '/api/server'),
  waysIn: () => api.json<WaysIn>('GET', '/api/sign-in'),
  beginSignIn: () =>
    api.json<Ceremony<PublicKeyCredentialRequestOptionsJSON>>('POST', '/api/sign-in/passkey/begin'),
  finishSignIn: (ceremony: string, credential: AuthenticationResponseJSON) =>
    api.json<Me>('POST', '/api/sign-in/passkey/finish', { ceremony, credential }),
  signInByCode: (handle: string, code: string) =>
    api.json<Me>('POST', '/api/sign-in/recovery', { handle, code }),
  /** Answers alike whether or not the address is known. */
  askForLink: (address: string) => api.json<void>('POST', '/api/sign-in/mail', { address }),
  signInByLink: (token: string) => api.json<Me>('POST', '/api/sign-in/link', { token }),

  /** How many recovery codes are unused. */
  codesLeft: async () => (await api.json<Schemas['RecoveryCodesLeft']>('GET', '/api/recovery-codes')).left,
  /** Makes new ones in place of the old; they are shown this once. */
  newCodes: async () => (await api.json<Schemas['RecoveryCodes']>('POST', '/api/recovery-codes')).codes,

  mail: () => api.json<Mail>('GET', '/api/mail'),
  setMail: (address: string) => api.json<void>('PUT', '/api/mail', { address }),
  removeMail: () => api.json<void>('DELETE', '/api/mail'),

  sessions: async () => (await api.json<Answer<Schemas['Sessions']>>('GET', '/api/sessions')).items,
  endSession: (session: string) => api.json<void>('DELETE', `/api/sessions/${id(session)}`),
  /** Ends all sessions but this one. */
  endOthers: () => api.json<void>('DELETE', '/api/sessions'),

  /** The language in which the member is spoken to, as a BCP 47 tag. */
  speak: (language: string) => api.json<unknown>('PATCH', '/api/me', { language }),
  noticeChoices: () => api.json<NoticeChoices>('GET', '/api/notices/choices'),
  choose: (choices: NoticeChoices) => api.json<unknown>('PUT', '/api/notices/choices', choices),

  /** The server's key for Web Push (RFC 8292), in base64url. */
  pushKey: async () => (await api.json<Schemas['PushKey']>('GET', '/api/push/key')).key,
  /** Has notices pushed to a browser; gives the subscription's id. The keys are base64url. */
  subscribe: async (to: Schemas['NewSubscription']) =>
    (await api.json<Schemas['SubscriptionCreated']>('POST', '/api/push', to)).id,
  unsubscribe: (subscription: string) => api.json<void>('DELETE', `/api/push/${id(subscription)}`),

  blocked: (after: string | null) => api.json<Answer<Schemas['People']>>('GET', `/api/blocks${query(after)}`),
  unblock: (handle: string) => api.json<void>('DELETE', `/api/members/${id(handle)}/block`),
  muted: (after: string | null) => api.json<Answer<Schemas['People']>>('GET', `/api/mutes${query(after)}`),
  unmute: (handle: string) => api.json<void>('DELETE', `/api/members/${id(handle)}/mute`),

  /** Everything that the server keeps of the member, as a zip archive. */
  exported: async () => (await api.send('GET', '/api/me/export')).blob(),
  /** Deletes the account of whoever asks, who repeats their handle. */
  remove: (handle: string) => api.json<void>('DELETE', '/api/me', { handle }),
};

function query(after: string | null): string {
  return after === null ? '' : `?after=${id(after)}`;
}
