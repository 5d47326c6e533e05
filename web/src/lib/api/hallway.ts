/** The hallway, calls and what the live socket says, typed: docs/PROTOCOL.md. Every refusal is an `ApiError`. */

import type { CallAnswer, HallwayRoom } from '$lib/protocol/types';
import { api } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type {
  Call,
  CallAnswer,
  HallwayRoom,
  HouseBadge,
  LiveMessage,
  Notice,
  OnlinePerson,
  Reason,
} from '$lib/protocol/types';

/** The rooms live now that the member may enter, best first. */
export async function hallwayRooms(): Promise<HallwayRoom[]> {
  return (await api.json<{ rooms: HallwayRoom[] }>('GET', '/api/rooms')).rooms;
}

/** Opens a closed room with somebody and rings at their side. */
export function call(handle: string): Promise<Schemas['CallMade']> {
  return api.json('POST', '/api/calls', { handle });
}

/** Asks people, by their handles, into a room that the member is in. */
export function ping(room: string, handles: string[]): Promise<void> {
  return api.json('POST', `/api/rooms/${encodeURIComponent(room)}/ping`, { handles });
}

/** Answers a call; gives its room. */
export function answerCall(id: string, answer: CallAnswer): Promise<Schemas['CallRoom']> {
  return api.json('POST', `/api/calls/${encodeURIComponent(id)}/answer`, { answer });
}

/** Takes a room out of the member's own hallway until it ends, or puts it back. */
export function hide(room: string, on: boolean): Promise<void> {
  return api.json(on ? 'PUT' : 'DELETE', `/api/rooms/${encodeURIComponent(room)}/hidden`);
}

/** Says no to being called up into a room. */
export function declineCallUp(room: string): Promise<void> {
  return api.json('POST', `/api/rooms/${encodeURIComponent(room)}/call-up/decline`);
}
