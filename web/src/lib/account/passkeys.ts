/** Passkeys: making one, signing in with one, and what their failures mean. */

import {
  browserSupportsWebAuthn,
  browserSupportsWebAuthnAutofill,
  startAuthentication,
  startRegistration,
  WebAuthnAbortService,
} from '@simplewebauthn/browser';
import { account, type Passkey } from '$lib/api/account';
import { ApiError, type Me } from '$lib/api/client';

/**
 * Whether passkeys can work here: the browser has them, and the page has a name. Browsers refuse passkeys for pages that are
 * reached by an IP address (Web Authentication, "effective domain").
 */
export function passkeysWork(host = location.hostname): boolean {
  return browserSupportsWebAuthn() && !isAddress(host);
}

/** Makes a passkey on this device and gives it to the server. */
export async function addPasskey(name: string): Promise<Passkey> {
  const { ceremony, options } = await account.beginPasskey();
  const credential = await startRegistration({ optionsJSON: options });
  return account.finishPasskey(ceremony, name, credential);
}

/** Signs in with a passkey that somebody picks in the browser's own window. */
export async function signIn(): Promise<Me> {
  const { ceremony, options } = await account.beginSignIn();
  return account.finishSignIn(ceremony, await startAuthentication({ optionsJSON: options }));
}

/**
 * Offers passkeys among what the browser fills in for a field with `autocomplete="… webauthn"`, and signs in with the one that
 * is picked there. Waits as long as that takes; null where the browser cannot do that, or once the offer was taken back.
 */
export async function signInFromField(): Promise<Me | null> {
  if (!passkeysWork() || !(await browserSupportsWebAuthnAutofill())) return null;
  for (;;) {
    const { ceremony, options } = await account.beginSignIn();
    try {
      const credential = await startAuthentication({
        optionsJSON: options,
        useBrowserAutofill: true,
      });
      return await account.finishSignIn(ceremony, credential);
    } catch (error) {
      if (!(error instanceof ApiError)) return null;
      // Somebody read the page for longer than a ceremony lasts: the next pick has a new one.
      if (error.code !== 'ceremony_over') throw error;
    }
  }
}

/** Takes back the offer of `signInFromField`. */
export function withdraw(): void {
  WebAuthnAbortService.cancelCeremony();
}

/**
 * What went wrong, as a key of `text.account.passkeyTrouble` where it happened in the browser, else as a code of the protocol.
 * The names are those of Web Authentication, sections 5.1.3 and 5.1.4.
 */
export function troubleOf(error: unknown): { browser: BrowserTrouble } | { code: string } {
  if (error instanceof ApiError) return { code: error.code };
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'AbortError':
      return { browser: 'stopped' };
    case 'InvalidStateError':
      return { browser: 'known' };
    case 'NotSupportedError':
    case 'ConstraintError':
      return { browser: 'unable' };
    case 'SecurityError':
      return { browser: 'place' };
    default:
      return { browser: 'other' };
  }
}

export type BrowserTrouble = 'stopped' | 'known' | 'unable' | 'place' | 'other';

const BROWSERS: [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\b(OPR|Opera)\//, 'Opera'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(HeadlessChrome|Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];

const SYSTEMS: [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'Mac'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A name for what is made on this device, by the browser's own words for itself: "Firefox, Linux". '' if it says nothing known. */
export function deviceName(agent = navigator.userAgent): string {
  const first = (list: [RegExp, string][]) => list.find(([sign]) => sign.test(agent))?.[1];
  return [first(BROWSERS), first(SYSTEMS)].filter((part) => part !== undefined).join(', ');
}

/** The path to go to after signing in, from the `to` of an address: a path of this site, or the hallway. */
export function pathAfter(to: string | null, origin: string): string {
  if (to === null || !to.startsWith('/')) return '/';
  const url = URL.canParse(to, origin) ? new URL(to, origin) : null;
  return url?.origin === origin ? url.pathname + url.search : '/';
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^\d+(\.\d+){3}$/.test(host);
}
