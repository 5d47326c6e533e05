/**
 * The messages of docs/PROTOCOL.md. They are generated from the server's source (`make types`); this module is the one
 * place that names the generated files.
 */

import type { Role } from './generated/Role';

export type { ByeCode } from './generated/ByeCode';
export type { ClientMessage } from './generated/ClientMessage';
export type { Command } from './generated/Command';
export type { Events } from './generated/Events';
export type { Hand } from './generated/Hand';
export type { Kind as RoomKind } from './generated/Kind';
export type { LegEndCode } from './generated/LegEndCode';
export type { LegKind } from './generated/LegKind';
export type { NumberedEvent } from './generated/NumberedEvent';
export type { Offer } from './generated/Offer';
export type { Participant } from './generated/Participant';
export type { Person } from './generated/Person';
export type { RoomEvent } from './generated/RoomEvent';
export type { RoomInfo } from './generated/RoomInfo';
export type { ServerMessage } from './generated/ServerMessage';
export type { Snapshot } from './generated/Snapshot';
export type { You } from './generated/You';
export type { Role };

/** Whether a role is heard on stage. */
export function onStage(role: Role): boolean {
  return role !== 'listener';
}

/** Whether a role runs the room; a host is always a moderator. */
export function moderates(role: Role): boolean {
  return role === 'host' || role === 'moderator';
}
