/** The two kinds of media leg as browsers make them (docs/PROTOCOL.md, "Media legs"). */

import { ApiError, type Api } from '$lib/api/client';
import { listenOffer, stereoOffer } from './sdp';

/** How many people can be heard at once. */
export const VOICE_SLOTS = 3;
/** A leg that is cut off for so long, in ms, is made anew; ICE may yet recover before. */
const DISCONNECTED = 2_000;
/** A leg that does not connect within this time, in ms, has failed. */
const CONNECTING = 8_000;

/** A leg that the server has agreed to. */
export interface Leg {
  id: string;
  pc: RTCPeerConnection;
  close(): void;
}

/** What becomes of a leg. Each may be told several times. */
export interface LegFate {
  up(leg: Leg): void;
  broken(leg: Leg): void;
}

/** Makes a listen leg: three receive-only voice slots. Throws an `ApiError` when the server refuses. */
export async function makeListenLeg(
  api: Api,
  room: string,
  fate: LegFate,
  signal: AbortSignal,
): Promise<Leg> {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  for (let i = 0; i < VOICE_SLOTS; i++) pc.addTransceiver('audio', { direction: 'recvonly' });
  return negotiate(pc, api, room, 'listen', listenOffer, fate, signal);
}

/** Makes a publish leg that sends one track, of speech or of `music`. Throws an `ApiError` when the server refuses. */
export async function makePublishLeg(
  api: Api,
  room: string,
  track: MediaStreamTrack,
  music: boolean,
  fate: LegFate,
  signal: AbortSignal,
): Promise<Leg> {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  pc.addTransceiver(track, { direction: 'sendonly' });
  return negotiate(pc, api, room, 'publish', music ? stereoOffer : (sdp) => sdp, fate, signal);
}

/** The track of a publish leg, or null: silence that costs nothing. */
export async function replaceTrack(leg: Leg, track: MediaStreamTrack | null): Promise<void> {
  await leg.pc.getSenders()[0]?.replaceTrack(track);
}

/** How much of any kind has arrived on a leg's transport: a rise is the sign of a living far end. */
export async function received(leg: Leg): Promise<number> {
  let count = 0;
  for (const report of (await leg.pc.getStats()).values() as Iterable<Record<string, unknown>>) {
    if (report.type !== 'transport' && report.type !== 'candidate-pair') continue;
    // Bytes for browsers that count no packets.
    count +=
      Number(report.packetsReceived ?? report.bytesReceived ?? 0) + Number(report.responsesReceived ?? 0);
  }
  return count;
}

/** By what a leg has come to run, `udp` or `tcp`; null before it does. */
export async function protocolOf(leg: Leg): Promise<string | null> {
  const stats = (await leg.pc.getStats()) as unknown as Map<string, Record<string, unknown>>;
  const all = [...stats.values()];
  const transport = all.find((report) => report.type === 'transport' && report.selectedCandidatePairId);
  // Firefox names the pair in use on the pair itself.
  const pair = transport
    ? stats.get(String(transport.selectedCandidatePairId))
    : all.find((report) => report.type === 'candidate-pair' && report.selected);
  const protocol = stats.get(String(pair?.remoteCandidateId))?.protocol;
  return typeof protocol === 'string' ? protocol : null;
}

async function negotiate(
  pc: RTCPeerConnection,
  api: Api,
  room: string,
  kind: 'listen' | 'publish',
  wanted: (sdp: string) => string,
  fate: LegFate,
  signal: AbortSignal,
): Promise<Leg> {
  try {
    const offer = await pc.createOffer();
    const sdp = await offerLocally(pc, wanted(offer.sdp ?? ''));
    const made = await api.makeLeg(room, kind, sdp);
    const leg: Leg = { id: made.id, pc, close: () => pc.close() };
    if (signal.aborted) {
      // The server has a leg that nobody wants any more; it would find out by itself, but later.
      void api.endLeg(room, leg.id).catch(() => undefined);
      return leg;
    }
    watch(leg, fate);
    await pc.setRemoteDescription({ type: 'answer', sdp: made.answer });
    return leg;
  } catch (error) {
    pc.close();
    throw error instanceof ApiError ? error : new ApiError('no_leg', String(error), 0);
  }
}

/** Sets the local description, and says what was set: some browsers refuse any change to what they offered. */
async function offerLocally(pc: RTCPeerConnection, wanted: string): Promise<string> {
  try {
    await pc.setLocalDescription({ type: 'offer', sdp: wanted });
    return wanted;
  } catch {
    await pc.setLocalDescription();
    return pc.localDescription?.sdp ?? wanted;
  }
}

function watch(leg: Leg, fate: LegFate): void {
  const { pc } = leg;
  let timer: ReturnType<typeof setTimeout> | undefined = setTimeout(() => fate.broken(leg), CONNECTING);
  const close = leg.close;
  leg.close = () => {
    clearTimeout(timer);
    pc.onconnectionstatechange = null;
    close();
  };
  pc.onconnectionstatechange = () => {
    const state = pc.connectionState;
    if (state === 'connecting' || state === 'new') return;
    clearTimeout(timer);
    if (state === 'connected') fate.up(leg);
    else if (state === 'disconnected') timer = setTimeout(() => fate.broken(leg), DISCONNECTED);
    else fate.broken(leg);
  };
}
