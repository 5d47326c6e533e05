import { expect, it } from 'vitest';
import type { Notice } from '$lib/api/hallway';
import { byDay } from './days';

function notice(at: Date): Notice {
  return {
    id: at.toISOString(),
    kind: 'followed',
    actor: null,
    subject: null,
    body: '',
    event: null,
    link: null,
    at: at.getTime(),
    read: false,
  };
}

it('groups by the day of the reader, keeping the order', () => {
  const late = notice(new Date(2026, 10, 22, 23, 59));
  const early = notice(new Date(2026, 10, 22, 0, 0));
  const before = notice(new Date(2026, 10, 21, 23, 59));
  const days = byDay([late, early, before]);
  expect(days.map((day) => day.notices)).toEqual([[late, early], [before]]);
  expect(days[0]!.at).toBe(early.at);
  expect(byDay([])).toEqual([]);
});
