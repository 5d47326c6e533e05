/** Notices, typed: docs/PROTOCOL.md. */

import { api } from './client';
import type { Notice } from './hallway';

export interface Notices {
  /** Newest first. */
  items: Notice[];
  /** 100 stands for 100 and more. */
  unread: number;
  next: string | null;
}

export const inbox = {
  list: (after: string | null) =>
    api.json<Notices>('GET', `/api/notices${after === null ? '' : `?after=${encodeURIComponent(after)}`}`),
  /** Marks all that came until then (ms since 1970) as read; gives how many are not. */
  readUntil: async (until: number) =>
    (await api.json<{ unread: number }>('POST', '/api/notices/read', { until })).unread,
};
