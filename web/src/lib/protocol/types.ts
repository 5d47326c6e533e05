/**
 * The messages of docs/PROTOCOL.md. They are generated from the server's source (`make types`); this module is the one
 * place that names the generated files.
 */

import type { Role } from './generated/Role';

export type { Banned } from './generated/Banned';
export type { ByeCode } from './generated/ByeCode';
export type { Call } from './generated/Call';
export type { CallAnswer } from './generated/CallAnswer';
export type { CallUp } from './generated/CallUp';
export type { CallUpRoom } from './generated/CallUpRoom';
export type { Caption } from './generated/Caption';
export type { Chatter } from './generated/Chatter';
export type { ClientMessage } from './generated/ClientMessage';
export type { Command } from './generated/Command';
export type { Consent } from './generated/Consent';
export type { Events } from './generated/Events';
export type { HallwayRoom } from './generated/HallwayRoom';
export type { Hand } from './generated/Hand';
export type { HandRule } from './generated/HandRule';
export type { Hearers } from './generated/Hearers';
export type { HouseBadge } from './generated/HouseBadge';
export type { Kind as RoomKind } from './generated/Kind';
export type { LegEndCode } from './generated/LegEndCode';
export type { LegKind } from './generated/LegKind';
export type { Line } from './generated/Line';
export type { LiveMessage } from './generated/LiveMessage';
export type { Notice } from './generated/Notice';
export type { NumberedEvent } from './generated/NumberedEvent';
export type { Offer } from './generated/Offer';
export type { OnlinePerson } from './generated/OnlinePerson';
export type { Participant } from './generated/Participant';
export type { Person } from './generated/Person';
export type { PinnedLink } from './generated/PinnedLink';
export type { Question } from './generated/Question';
export type { Reaction } from './generated/Reaction';
export type { ReactionCount } from './generated/ReactionCount';
export type { Reason } from './generated/Reason';
export type { Recording } from './generated/Recording';
export type { RecordingCause } from './generated/RecordingCause';
export type { RoomEvent } from './generated/RoomEvent';
export type { RoomInfo } from './generated/RoomInfo';
export type { ServerMessage } from './generated/ServerMessage';
export type { Settings } from './generated/Settings';
export type { Snapshot } from './generated/Snapshot';
export type { Terms } from './generated/Terms';
export type { WaitingGuest } from './generated/WaitingGuest';
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
