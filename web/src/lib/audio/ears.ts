/** Listening to a room: the listen leg, its voices, and who is audible now. */

import { ApiError, asksToWait, isPassing, type Api } from '$lib/api/client';
import { LegKeeper, type LegState } from './keeper';
import { makeListenLeg, packetsReceived, type Leg } from './leg';
import { audioContext, Voice, wantsGesture } from './sound';

export interface EarsNeeds {
  api: Api;
  room: string;
  /** Output device id; '' is the system's. */
  output(): string;
  leg(state: LegState): void;
  /** The browser wants a gesture before it plays (true), or no longer does (false). */
  blocked(blocked: boolean): void;
}

export class Ears {
  private voices: Voice[] = [];
  private readonly keeper: LegKeeper<Leg>;

  constructor(private readonly needs: EarsNeeds) {
    this.keeper = new LegKeeper<Leg>({
      make: (signal) => this.make(signal),
      // Whether the room is over is told by the control socket, not here: everything else may pass.
      passing: (error) => error instanceof ApiError && (isPassing(error) || error.status === 409),
      asksToWait,
      changed: (state) => needs.leg(state),
      failed: () => this.hush(),
      random: Math.random,
    });
  }

  get pc(): RTCPeerConnection | null {
    return this.keeper.leg?.pc ?? null;
  }

  start(): void {
    this.keeper.start();
  }

  stop(): void {
    this.keeper.stop();
    this.hush();
  }

  /** The browser has changed networks: what was under way in the former one is not waited for. */
  networkChanged(): void {
    this.keeper.renew();
  }

  /** Whether this is the leg in use. */
  holds(id: string): boolean {
    return this.keeper.leg?.id === id;
  }

  legEnded(id: string): void {
    if (this.holds(id)) this.keeper.renew();
  }

  /** After a lost connection: makes the leg anew if nothing arrives within `patience` ms. */
  async check(patience: number): Promise<void> {
    const leg = this.keeper.leg;
    // Stopped by an error that did not pass then, it may pass now; an attempt under way may hang in the old network.
    if (!leg) return this.keeper.state === 'off' ? this.keeper.start() : this.keeper.renew();
    const before = await packetsReceived(leg);
    setTimeout(() => {
      void packetsReceived(leg).then((now) => {
        if (this.keeper.leg === leg && now <= before) this.keeper.renew();
      });
    }, patience);
  }

  /** Called from a gesture: plays what the browser held back. */
  unlock(): void {
    void audioContext().resume();
    this.play();
  }

  async output(device: string): Promise<void> {
    await Promise.all(this.voices.map((voice) => voice.output(device)));
  }

  /** Who is audible at `now` (ms): numbers in the room with levels from 0 to 1. */
  heard(now: number): { talker: number; level: number }[] {
    return this.voices.map((voice) => voice.heard(now)).filter((one) => one !== null);
  }

  private async make(signal: AbortSignal): Promise<Leg> {
    const fate = { up: (leg: Leg) => this.keeper.up(leg), broken: (leg: Leg) => this.keeper.broken(leg) };
    const leg = await makeListenLeg(this.needs.api, this.needs.room, fate, signal);
    if (signal.aborted) return leg;
    this.hush();
    this.voices = leg.pc.getReceivers().map((receiver) => new Voice(audioContext(), receiver));
    const device = this.needs.output();
    // An output that is gone: the system's is used.
    if (device) void this.output(device).catch(() => undefined);
    this.play();
    return leg;
  }

  private play(): void {
    for (const voice of this.voices) {
      voice.play().then(
        () => this.needs.blocked(false),
        // Other refusals come from voices that were replaced meanwhile.
        (error: unknown) => wantsGesture(error) && this.needs.blocked(true),
      );
    }
  }

  private hush(): void {
    for (const voice of this.voices) voice.close();
    this.voices = [];
  }
}
