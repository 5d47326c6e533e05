/** The two kinds of media leg as browsers make them (docs/PROTOCOL.md, "Media legs"). */

import { ApiError, type Api } from '$lib/api/client';
import { listenOffer, onlyOver, stereoOffer } from './sdp';

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
  /** ICE has found its way; the handshake over it is still to come. */
  found?(leg: Leg): void;
  up(leg: Leg): void;
  broken(leg: Leg): void;
}

/** A leg that nobody was offered yet. Its browser is ready to look for ways: over TCP that alone takes a tenth of a second. */
export interface Prepared {
  pc: RTCPeerConnection;
  offer: string;
}

/** Prepares a listen leg: three receive-only voice slots. */
export function prepareListenLeg(): Promise<Prepared> {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  for (let i = 0; i < VOICE_SLOTS; i++) pc.addTransceiver('audio', { direction: 'recvonly' });
  return prepare(pc, listenOffer);
}

/** Prepares a publish leg that sends one track, of speech or of `music`. */
export function preparePublishLeg(track: MediaStreamTrack, music: boolean): Promise<Prepared> {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  pc.addTransceiver(track, { direction: 'sendonly' });
  return prepare(pc, music ? stereoOffer : (sdp) => sdp);
}

/** Drops what was prepared for nothing. */
export function forget(prepared: Promise<Prepared> | null): void {
  prepared?.then(
    ({ pc }) => pc.close(),
    () => undefined,
  );
}

/** Makes a leg of what was prepared, over `protocol` only if it is not null. Throws an `ApiError` when the server refuses. */
export async function makeLeg(
  api: Api,
  room: string,
  kind: 'listen' | 'publish',
  prepared: Promise<Prepared>,
  protocol: string | null,
  fate: LegFate,
  signal: AbortSignal,
): Promise<Leg> {
  try {
    const { pc, offer } = await prepared;
    const made = await api.makeLeg(room, kind, offer);
    const leg: Leg = { id: made.id, pc, close: () => pc.close() };
    if (signal.aborted) {
      // The server has a leg that nobody wants any more; it would find out by itself, but later.
      void api.endLeg(room, leg.id).catch(() => undefined);
      return leg;
    }
    watch(leg, fate);
    const sdp = protocol === null ? made.answer : onlyOver(protocol, made.answer);
    await pc.setRemoteDescription({ type: 'answer', sdp });
    return leg;
  } catch (error) {
    forget(prepared);
    throw error instanceof ApiError ? error : new ApiError('no_leg', String(error), 0);
  }
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

async function prepare(pc: RTCPeerConnection, wanted: (sdp: string) => string): Promise<Prepared> {
  try {
    const offer = await pc.createOffer();
    return { pc, offer: await offerLocally(pc, wanted(offer.sdp ?? '')) };
  } catch (error) {
    pc.close();
    throw error;
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
    pc.onconnectionstatechange = pc.oniceconnectionstatechange = null;
    close();
  };
  pc.oniceconnectionstatechange = () => {
    if (['connected', 'completed'].includes(pc.iceConnectionState)) fate.found?.(leg);
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
