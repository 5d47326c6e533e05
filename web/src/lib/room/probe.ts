/** What end-to-end tests may look at, as `window.__roomtone`. Nothing here is secret: the page has it anyway. */

import type { RoomState } from './reducer';

export interface Probe {
  /** The room as this viewer knows it, or null outside a room. */
  readonly room: RoomState | null;
  /** The connection of the listen leg, or null while there is none. */
  readonly listen: RTCPeerConnection | null;
  /** The connection of the publish leg, or null while there is none. */
  readonly publish: RTCPeerConnection | null;
}
