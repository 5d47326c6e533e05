/// <reference types="@sveltejs/kit" />
/// <reference no-default-lib="true"/>
/// <reference lib="esnext" />
/// <reference lib="webworker" />

/**
 * Shows what the server pushes while no page is open (RFC 8030), and opens the page that belongs to it. It keeps nothing and
 * answers no requests: pages always come from the server.
 */

import type { PushMessage } from '$lib/protocol/generated/PushMessage';

const worker = globalThis as unknown as ServiceWorkerGlobalScope;

worker.addEventListener('install', () => void worker.skipWaiting());
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('push', (event) => {
  // Only this server has the key for messages, so what does not read is a mistake of ours and not worth a notice.
  const message = event.data?.json() as PushMessage | undefined;
  if (!message) return;
  event.waitUntil(
    worker.registration.showNotification(message.title, {
      body: message.body,
      tag: message.tag,
      lang: message.language,
      icon: '/icon.svg',
      data: message.url,
    }),
  );
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  // Nothing but a path on this server, whatever came.
  const url = new URL(String(event.notification.data ?? '/'), worker.location.origin);
  if (url.origin !== worker.location.origin) return;
  event.waitUntil(open(url.href));
});

/** Goes to a page in a window that is there, or in a new one. */
async function open(url: string): Promise<void> {
  const windows = await worker.clients.matchAll({ type: 'window' });
  const there = windows.find((one) => one.url === url) ?? windows[0];
  if (!there) {
    await worker.clients.openWindow(url);
    return;
  }
  await there.focus();
  if (there.url !== url) await there.navigate(url);
}
