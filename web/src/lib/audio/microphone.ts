/**
 * The member's own microphone in a room, and the publish leg under it.
 *
 * Invariant: when `state` is not 'open', no sound of the member leaves the page, whatever the server knows.
 */

import { ApiError, asksToWait, isPassing, type Api } from '$lib/api/client';
import type { LegEndCode } from '$lib/protocol/types';
import { LegKeeper } from './keeper';
import {
  forget,
  makeLeg,
  preparePublishLeg,
  protocolOf,
  received,
  replaceTrack,
  type Leg,
  type Prepared,
} from './leg';
import { audioContext, Meter } from './sound';

/** For how long, in ms, a closed microphone keeps its leg, so that opening it again is instant. */
const KEPT_CLOSED = 60_000;

/** For how long, in ms, what was made ready for another leg can be used: then the network may be another one again. */
const SPARE = 3_000;

/** 'asking' waits for the browser's permission. */
export type MicState = 'closed' | 'asking' | 'open';

export interface MicrophoneNeeds {
  api: Api;
  room: string;
  /** Asks the browser for the microphone. */
  capture(): Promise<MediaStream>;
  /** Whether music is sent now, as it is and in stereo, or speech. */
  music(): boolean;
  /** Tells the server that the microphone opened or closed while its leg stays. */
  setMic(open: boolean): Promise<unknown>;
  changed(state: MicState): void;
  /** The microphone could not be opened, or had to be closed: a `DOMException` or an `ApiError`. */
  failed(error: unknown): void;
}

export class Microphone {
  state: MicState = 'closed';
  private stream: MediaStream | null = null;
  private meter: Meter | null = null;
  /** What the leg was made for. */
  private legForMusic = false;
  /** By which protocol alone the next leg is to find its way; any, if it is null. */
  private over: string | null = null;
  /** What the next leg can be made of, if it is for the same. */
  private spare: { track: MediaStreamTrack; music: boolean; at: number; prepared: Promise<Prepared> } | null =
    null;
  private idle: ReturnType<typeof setTimeout> | undefined;
  private readonly keeper: LegKeeper<Leg>;

  constructor(private readonly needs: MicrophoneNeeds) {
    this.keeper = new LegKeeper<Leg>({
      make: (signal) => this.make(signal),
      passing: (error) => error instanceof ApiError && (isPassing(error) || error.code === 'not_in_room'),
      asksToWait,
      changed: () => undefined,
      failed: (error) => {
        this.cut();
        needs.failed(error);
      },
      random: Math.random,
    });
  }

  /** The peer connection, while there is one. */
  get pc(): RTCPeerConnection | null {
    return this.keeper.leg?.pc ?? null;
  }

  /** The own level, 0 to 1; 0 while closed. */
  level(): number {
    return this.state === 'open' ? (this.meter?.level() ?? 0) : 0;
  }

  async open(): Promise<void> {
    if (this.state !== 'closed') return;
    clearTimeout(this.idle);
    this.set('asking');
    try {
      await this.captureOnce();
    } catch (error) {
      this.cut();
      this.needs.failed(error);
      return;
    }
    // Cut while the browser was asking.
    if ((this.state as MicState) !== 'asking') return this.release();
    this.enable(true);
    this.set('open');
    const leg = this.keeper.leg;
    if (!leg) return this.keeper.start();
    if (this.legForMusic !== this.needs.music()) return this.keeper.renew();
    await replaceTrack(leg, this.track());
    await this.needs.setMic(true).catch((error: unknown) => {
      this.cut();
      this.needs.failed(error);
    });
  }

  /** Closes it at once; the leg stays a while. */
  close(): void {
    if (this.state === 'closed') return;
    this.set('closed');
    this.enable(false);
    const leg = this.keeper.leg;
    if (!leg) return this.cut();
    void replaceTrack(leg, null);
    // A refusal means that the server had closed it already.
    void this.needs.setMic(false).catch(() => undefined);
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.cut(), KEPT_CLOSED);
  }

  /** Ends everything at once: capture, leg and, unless the server has cut it already, what it has of it (`tell`). */
  cut({ tell } = { tell: true }): void {
    clearTimeout(this.idle);
    this.doubt(false);
    const leg = this.keeper.leg;
    this.keeper.stop();
    this.release();
    this.set('closed');
    if (leg && tell) void this.needs.api.endLeg(this.needs.room, leg.id).catch(() => undefined);
  }

  /** The server cut a leg. One that was lost and is still wanted is made anew. */
  legEnded(id: string, code: LegEndCode): void {
    if (this.keeper.leg?.id !== id) return;
    // Not when they may not speak, and not when another player of theirs speaks now.
    if (this.state === 'open' && code === 'lost') this.keeper.renew();
    else this.cut({ tell: false });
  }

  /** After a lost connection: makes the leg anew if the far end does not answer within `patience` ms. */
  async check(patience: number): Promise<void> {
    const leg = this.keeper.leg;
    // An attempt under way may hang in the old network.
    if (!leg) return this.keeper.renew();
    const before = await received(leg);
    setTimeout(() => {
      void received(leg).then((now) => {
        if (this.keeper.leg !== leg || now > before) return;
        if (this.state === 'open') this.keeper.renew();
        else this.cut();
      });
    }, patience);
  }

  /** Makes ready what another leg takes while it is doubtful whether the way of this one still leads anywhere. */
  doubt(doubtful: boolean): void {
    forget(this.spare?.prepared ?? null);
    this.spare = null;
    const [track, music] = [this.track(), this.needs.music()];
    if (doubtful && track && this.keeper.leg && this.state === 'open') {
      this.spare = { track, music, at: performance.now(), prepared: preparePublishLeg(track, music) };
    }
  }

  /** The sound has found another way, over `protocol`: a leg on the former one is made anew. A change of address alone needs
   * nothing, because the server knows the speaker by the key. */
  async moved(protocol: string): Promise<void> {
    const leg = this.keeper.leg;
    if (!leg || this.state !== 'open') return;
    const own = await protocolOf(leg);
    if (this.keeper.leg !== leg) return;
    if (own === null || own === protocol) return this.doubt(false);
    // Where UDP leads nowhere it need not be tried first; but where it leads somewhere again, TCP stays the way out.
    this.over = protocol === 'tcp' ? protocol : null;
    this.keeper.renew();
  }

  /** The browser has changed networks: what was under way in the former one is not waited for. */
  networkChanged(): void {
    if (this.state === 'open') this.keeper.renew();
  }

  /** Switches to the device chosen now; without a new leg, unless speech becomes music or the other way round. */
  async switchDevice(): Promise<void> {
    if (this.state !== 'open') return this.cut();
    try {
      this.release();
      await this.captureOnce();
      if (this.legForMusic !== this.needs.music()) this.keeper.renew();
      else if (this.keeper.leg) await replaceTrack(this.keeper.leg, this.track());
    } catch (error) {
      this.cut();
      this.needs.failed(error);
    }
  }

  private async make(signal: AbortSignal): Promise<Leg> {
    const track = this.track();
    if (!track) throw new ApiError('no_leg', 'the microphone is closed', 410);
    const fate = { up: (leg: Leg) => this.keeper.up(leg), broken: (leg: Leg) => this.keeper.broken(leg) };
    const music = this.needs.music();
    this.legForMusic = music;
    // Once: whatever comes after it may find the network changed again.
    const over = this.over;
    this.over = null;
    const prepared = this.takeSpare(track, music) ?? preparePublishLeg(track, music);
    const leg = await makeLeg(this.needs.api, this.needs.room, 'publish', prepared, over, fate, signal);
    // Closed while it was being made.
    if (this.state !== 'open' && !signal.aborted) await replaceTrack(leg, null);
    return leg;
  }

  private takeSpare(track: MediaStreamTrack, music: boolean): Promise<Prepared> | null {
    const { spare } = this;
    const fits = spare?.track === track && spare.music === music && performance.now() - spare.at < SPARE;
    if (fits) this.spare = null;
    this.doubt(false);
    return fits ? spare.prepared : null;
  }

  private async captureOnce(): Promise<void> {
    if (this.track()) return;
    const stream = await this.needs.capture();
    this.stream = stream;
    this.meter = new Meter(audioContext(), stream);
    void audioContext().resume();
    // The device was unplugged, or the permission taken back.
    stream.getAudioTracks()[0]?.addEventListener('ended', () => {
      if (this.stream !== stream) return;
      this.cut();
      this.needs.failed(new DOMException('the microphone is gone', 'NotReadableError'));
    });
  }

  private track(): MediaStreamTrack | null {
    const track = this.stream?.getAudioTracks()[0];
    return track?.readyState === 'live' ? track : null;
  }

  private enable(on: boolean): void {
    const track = this.track();
    if (track) track.enabled = on;
  }

  private release(): void {
    const stream = this.stream;
    this.stream = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
    this.meter?.close();
    this.meter = null;
  }

  private set(state: MicState): void {
    if (this.state === state) return;
    this.state = state;
    this.needs.changed(state);
  }
}
