/** Web Push on this browser: whether it can, whether it does, and switching it. It ends with the session. */

import { base64URLStringToBuffer, bufferToBase64URLString } from '@simplewebauthn/browser';
import { account } from '$lib/api/account';

/** `unable`: the browser or this page cannot; `refused`: the member said no to the browser, which only they can change there. */
export type PushState = 'unknown' | 'unable' | 'refused' | 'off' | 'on';

/** Where the subscription's id is kept, to end it by. */
const KEY = 'roomtone.push';

class Push {
  state = $state<PushState>('unknown');

  /** Finds out how it stands. */
  async look(): Promise<void> {
    const manager = await pushManager();
    if (!manager) this.state = 'unable';
    else if (Notification.permission === 'denied') this.state = 'refused';
    else this.state = (await manager.getSubscription()) && stored() ? 'on' : 'off';
  }

  /** Asks for permission, which browsers allow only right after a press, and subscribes. Rejects with an `ApiError`. */
  async enable(): Promise<void> {
    const manager = await pushManager();
    if (!manager) return this.look();
    if ((await Notification.requestPermission()) !== 'granted') return this.look();
    const applicationServerKey = base64URLStringToBuffer(await account.pushKey());
    let subscription: PushSubscription;
    try {
      subscription = await manager.subscribe({ userVisibleOnly: true, applicationServerKey });
    } catch {
      // The browser has no push service, or none that it can reach.
      this.state = 'unable';
      return;
    }
    const [p256dh, auth] = [subscription.getKey('p256dh'), subscription.getKey('auth')];
    if (!p256dh || !auth) {
      this.state = 'unable';
      return;
    }
    try {
      const keys = { p256dh: bufferToBase64URLString(p256dh), auth: bufferToBase64URLString(auth) };
      store(await account.subscribe({ endpoint: subscription.endpoint, ...keys }));
    } catch (error) {
      await subscription.unsubscribe();
      throw error;
    }
    this.state = 'on';
  }

  /** Ends the subscription, in the browser and on the server. Rejects with an `ApiError`. */
  async disable(): Promise<void> {
    const id = stored();
    await (await (await pushManager())?.getSubscription())?.unsubscribe();
    store(null);
    this.state = 'off';
    if (id !== null) await account.unsubscribe(id);
  }
}

export const push = new Push();

/** The page's way to push messages, where there is one: a service worker of this site in a browser with Web Push. */
async function pushManager(): Promise<PushManager | null> {
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window))
    return null;
  return (await navigator.serviceWorker.getRegistration())?.pushManager ?? null;
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(id: string | null): void {
  try {
    if (id === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, id);
  } catch {
    // Storage can be refused: the subscription then ends with the session.
  }
}
