import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Call } from '$lib/api/hallway';
import type { Person } from '$lib/protocol/types';
import { Calls, MOST_RINGING, RINGS } from './calls';

const person = (handle: string): Person => ({ id: `id-${handle}`, handle, name: handle, avatar: null });
const call = (id: string, from = 'ada'): Call => ({ id, from: person(from), room: `room-${id}`, text: null });

function setup() {
  const told: string[] = [];
  const calls = new Calls({
    ringing: (list) => told.push(`ringing ${list.map((one) => one.id).join('+') || 'nobody'}`),
    outcome: (who, room, outcome) => told.push(`${who.handle} ${room} ${outcome}`),
    missed: (from) => told.push(`missed ${from.handle}`),
  });
  return { calls, told };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('rings once for each call, first come first', () => {
  const { calls, told } = setup();
  calls.ring(call('1'));
  calls.ring(call('1'));
  calls.ring(call('2', 'ben'));
  calls.settle('1');
  calls.settle('1');
  expect(told).toEqual(['ringing 1', 'ringing 1+2', 'ringing 2']);
});

it('rings for the newer of two calls of one person', () => {
  const { calls, told } = setup();
  calls.ring(call('1'));
  calls.ring(call('2'));
  vi.advanceTimersByTime(RINGS);
  expect(told).toEqual(['ringing 1', 'ringing 2', 'ringing nobody', 'missed ada']);
});

it('misses a call that nobody answers', () => {
  const { calls, told } = setup();
  calls.ring(call('1'));
  vi.advanceTimersByTime(RINGS - 1);
  expect(told).toEqual(['ringing 1']);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['ringing 1', 'ringing nobody', 'missed ada']);
});

it('stops ringing when it was answered on another device', () => {
  const { calls, told } = setup();
  calls.ring(call('1'));
  calls.answered('1', 'accepted');
  vi.advanceTimersByTime(RINGS);
  expect(told).toEqual(['ringing 1', 'ringing nobody']);
});

it('rings for a few at once, no more', () => {
  const { calls, told } = setup();
  for (let i = 0; i <= MOST_RINGING; i++) calls.ring(call(String(i), `person${i}`));
  expect(told).toHaveLength(MOST_RINGING);
});

it('tells what became of a call that was made, once', () => {
  const { calls, told } = setup();
  calls.rang('1', person('ben'), 'room-1');
  calls.answered('1', 'later');
  calls.answered('1', 'accepted');
  calls.answered('9', 'accepted');
  vi.advanceTimersByTime(RINGS);
  expect(told).toEqual(['ben room-1 later']);
});

it('believes the server that a call is over', () => {
  const { calls, told } = setup();
  calls.ring(call('1'));
  calls.rang('2', person('ben'), 'room-2');
  calls.rang('3', person('chen'), 'room-3');
  calls.over('1');
  calls.over('2');
  calls.answered('3', 'accepted');
  calls.over('3');
  expect(told).toEqual(['ringing 1', 'ringing nobody', 'ben room-2 unanswered', 'chen room-3 accepted']);
});

it('tells when nobody answered', () => {
  const { calls, told } = setup();
  calls.rang('1', person('ben'), 'room-1');
  vi.advanceTimersByTime(RINGS);
  calls.answered('1', 'accepted');
  expect(told).toEqual(['ben room-1 unanswered']);
});

it('forgets everything', () => {
  const { calls, told } = setup();
  calls.ring(call('1'));
  calls.rang('2', person('ben'), 'room-2');
  calls.clear();
  vi.advanceTimersByTime(RINGS);
  expect(told).toEqual(['ringing 1', 'ringing nobody']);
});
