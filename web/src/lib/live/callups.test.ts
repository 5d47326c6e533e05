import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallUps, LONGEST_RING, MOST_CALL_UPS, type CalledUp } from './callups';

const person = (handle: string) => ({ id: `id-${handle}`, handle, name: handle, avatar: null });
const call = (room: string, more: Partial<CalledUp> = {}): CalledUp => ({
  room: { id: room, title: room, recording: null },
  by: person('ada'),
  context: null,
  until: 60_000,
  ...more,
});

function setup(now = 0) {
  const told: string[] = [];
  const calls = new CallUps(
    {
      ringing: (list) =>
        told.push(`ringing ${list.map(({ room, context }) => room.id + (context ?? '')).join('+') || '-'}`),
      over: ({ room }, missed) => told.push(`${room.id} ${missed ? 'missed' : 'over'}`),
    },
    () => now,
  );
  return { calls, told };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('rings until the place is no longer kept', () => {
  const { calls, told } = setup();
  calls.ring(call('a'));
  vi.advanceTimersByTime(59_999);
  expect(told).toEqual(['ringing a']);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['ringing a', 'ringing -', 'a missed']);
});

it('is one call-up when it is told again, and rings until the newer end', () => {
  const { calls, told } = setup();
  calls.ring(call('a'));
  calls.ring(call('b'));
  calls.ring(call('a', { context: '!', until: 70_000 }));
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(['ringing a', 'ringing a+b', 'ringing a!+b', 'ringing a!', 'b missed']);
});

it('stops without a word of its own once it is answered here, and says when it ended elsewhere', () => {
  const { calls, told } = setup();
  calls.ring(call('a'));
  calls.ring(call('b'));
  calls.settle('a');
  calls.end('a');
  calls.end('b');
  calls.end('b');
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(['ringing a', 'ringing a+b', 'ringing b', 'ringing -', 'b over']);
});

it('does not ring for what is over, nor for ever by a wrong clock', () => {
  const { calls, told } = setup(100_000);
  calls.ring(call('late'));
  calls.ring(call('long', { until: 100_000 + 3 * LONGEST_RING }));
  vi.advanceTimersByTime(LONGEST_RING - 1);
  expect(told).toEqual(['ringing long']);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['ringing long', 'ringing -', 'long missed']);
});

it('rings for a few at once, no more', () => {
  const { calls, told } = setup();
  for (let i = 0; i <= MOST_CALL_UPS; i++) calls.ring(call(`r${i}`));
  expect(told).toHaveLength(MOST_CALL_UPS);
});

it('forgets everything', () => {
  const { calls, told } = setup();
  calls.clear();
  calls.ring(call('a'));
  calls.clear();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(['ringing a', 'ringing -']);
});
