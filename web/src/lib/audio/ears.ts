/** Listening to a room: the listen leg, its voices, and who is audible now; or the plain stream instead of it. */

import { ApiError, asksToWait, isPassing, type Api } from '$lib/api/client';
import { FlowWatch } from './flow';
import { LegKeeper, type LegState } from './keeper';
import { forget, makeLeg, prepareListenLeg, protocolOf, received, type Leg, type Prepared } from './leg';
import { Persistence } from './persistence';
import { noStream, PlainPlayer, type Plain } from './plain';
import { Route, type Played, type Way } from './route';
import { audioContext, Voice, wantsGesture } from './sound';

/** How often, in ms, it is looked at whose sound flows. Shorter finds out sooner that it does not. */
const LOOK = 25;
/** For so long, in ms, after the last sound the server has sent something for certain. A page that was held up for longer may have
 * slept through it. */
const TELLING = 800;
/** How long, in ms, a room waits for each person in it before lifeless legs are made anew: if it was the server that said
 * nothing, everybody would ask at once. */
const SPREAD = 1;
/** The least time, in ms, from one such leg to the next: a network that loses most packets is not mended by new legs. */
const REST = 10_000;

export interface EarsNeeds {
  api: Api;
  room: string;
  /** Output device id; '' is the system's. */
  output(): string;
  leg(state: LegState): void;
  /** The browser wants a gesture before it plays (true), or no longer does (false). */
  blocked(blocked: boolean): void;
  /** How loud somebody is to be here, 0 to 1, by their number in the room. */
  volume(talker: number): number;
  /** How many people are in the room. */
  people(): number;
  /** What the browser keeps for this device; null where it refuses to. */
  kept: Storage | null;
  /** The sound comes by this way from now on; `itself`: without anybody's choosing it. */
  way(way: Way, itself: boolean): void;
  /** Whether it is doubted that the sound still finds its way: what another way takes can be made ready meanwhile. */
  doubt(doubtful: boolean): void;
  /** The sound came back another way, over `protocol` (`udp` or `tcp`), after the former one had led nowhere. */
  moved(protocol: string): void;
}

export class Ears {
  private voices: Voice[] = [];
  private flow = new FlowWatch();
  private looking: ReturnType<typeof setInterval> | undefined;
  private renewedAt = -Infinity;
  /** Whether the leg that is being made is one after a lost way. */
  private lost = false;
  /** What that leg is made of. */
  private prepared: Promise<Prepared> | null = null;
  /** Whether the member has paused the sound, as on the locked screen. */
  private held = false;
  /** Whether the audio graph was let run at all: before the first gesture it is not, and nothing is amiss. */
  private ran = false;
  private on = false;
  private readonly persistence = new Persistence({
    whole: () =>
      !(this.ran && halted()) && this.voices.every((voice) => voice.playing) && this.player.playing,
    mend: () => {
      // Refused until the system lets go of the sound; then it is tried again.
      if (halted()) audioContext().resume().catch(ignore);
      this.play();
    },
  });
  /** The graph was halted or runs again, an element was paused, or the page is seen again. */
  private readonly mend = () => {
    this.ran ||= !halted();
    this.persistence.look();
  };
  private readonly seen = () => {
    if (document.visibilityState === 'hidden') this.route.hide(this.played());
    else this.route.show(this.played());
    this.mend();
  };
  private readonly keeper: LegKeeper<Leg>;
  private readonly player = new PlainPlayer(this.mend);
  private readonly plain: LegKeeper<Plain>;
  private readonly route: Route;

  constructor(private readonly needs: EarsNeeds) {
    // Whether the room is over is told by the control socket, not here: everything else may pass.
    const passing = (error: unknown) =>
      error instanceof ApiError && (isPassing(error) || error.status === 409);
    this.route = new Route(needs.kept, (way) => this.go(way));
    this.keeper = new LegKeeper<Leg>({
      make: (signal) => this.make(signal),
      passing,
      asksToWait,
      changed: (state) => this.route.way === 'live' && needs.leg(state),
      failed: () => this.hush(),
      random: Math.random,
    });
    this.plain = new LegKeeper<Plain>({
      make: (signal) => this.makePlain(signal),
      // What is not to be had now is not waited for where nobody asked for it.
      passing: (error) => passing(error) && !(this.route.byItself && noStream(error)),
      asksToWait,
      changed: (state) => this.route.way === 'plain' && needs.leg(state),
      failed: () => this.route.plainFails(),
      random: Math.random,
    });
  }

  /** Whether the member has chosen the plain stream on this device. */
  get plainChosen(): boolean {
    return this.route.chosen;
  }

  choosePlain(plain: boolean): void {
    this.route.choose(plain);
  }

  /** Whether the member is on stage, where the sound is live. */
  onStage(stage: boolean): void {
    this.route.onStage(stage);
  }

  get pc(): RTCPeerConnection | null {
    return this.keeper.leg?.pc ?? null;
  }

  start(): void {
    this.on = true;
    this.go(this.route.way);
    audioContext().addEventListener('statechange', this.mend);
    document.addEventListener('visibilitychange', this.seen);
    this.ran = !halted();
    this.persistence.start();
  }

  stop(): void {
    this.on = false;
    audioContext().removeEventListener('statechange', this.mend);
    document.removeEventListener('visibilitychange', this.seen);
    this.persistence.stop();
    this.doubt(false);
    this.keeper.stop();
    this.plain.stop();
    this.hush();
  }

  /** The browser has changed networks: what was under way in the former one is not waited for. */
  networkChanged(): void {
    this.inUse.renew();
  }

  /** Whether this is the leg, or the plain stream, in use. */
  holds(id: string): boolean {
    return this.inUse.leg?.id === id;
  }

  legEnded(id: string): void {
    if (this.holds(id)) this.inUse.renew();
  }

  /** After a lost connection: makes the leg anew if nothing arrives within `patience` ms. */
  async check(patience: number): Promise<void> {
    // A plain stream tells by itself when nothing comes any more.
    if (this.route.way === 'plain') return this.held ? undefined : this.plain.start();
    const leg = this.keeper.leg;
    // Stopped by an error that did not pass then, it may pass now; an attempt under way may hang in the old network.
    if (!leg) return this.keeper.state === 'off' ? this.keeper.start() : this.keeper.renew();
    if (await this.isLifeless(leg, patience)) this.keeper.renew();
  }

  /** Called from a gesture: plays what the browser, or the member, held back. */
  unlock(): void {
    this.held = false;
    void audioContext().resume();
    // What has nothing to play yet answers when it has.
    this.needs.blocked(false);
    if (this.on && this.route.way === 'plain') this.plain.start();
    else this.player.prime();
    this.play();
    this.persistence.start();
  }

  /** Is silent until {@link unlock}, also with legs to come: the member wants it so. */
  hold(): void {
    this.held = true;
    this.persistence.stop();
    for (const voice of this.voices) voice.pause();
    // Nobody waits for what is not played: the server would cut it off.
    this.plain.stop();
  }

  async output(device: string): Promise<void> {
    await Promise.all([...this.voices, this.player].map((one) => one.output(device)));
  }

  /** Who is audible at `now` (ms): numbers in the room with levels from 0 to 1. */
  heard(now: number): { talker: number; level: number }[] {
    return this.voices.map((voice) => voice.heard(now)).filter((one) => one !== null);
  }

  private get inUse(): LegKeeper<Leg> | LegKeeper<Plain> {
    return this.route.way === 'plain' ? this.plain : this.keeper;
  }

  /** Hears the room by another way. The one before ends here; on the server the newer takes its place. */
  private go(way: Way): void {
    this.needs.way(way, this.route.byItself);
    if (!this.on) return;
    if (way === 'live') {
      this.plain.stop();
      this.keeper.start();
    } else {
      this.keeper.stop();
      this.hush();
      if (!this.held) this.plain.start();
    }
  }

  /** What was played of the live sound; null while it does not come that way, or is not to be heard. */
  private played(): Played | null {
    const { leg, state } = this.keeper;
    if (!leg || state !== 'up' || this.held) return null;
    return {
      leg: leg.id,
      seconds: Math.max(...this.voices.map((voice) => voice.seconds)),
      at: Date.now(),
      whole: this.voices.every((voice) => voice.playing),
    };
  }

  /** A leg on which nothing at all comes after the sound has stopped has lost its way, which ICE notices seconds later. */
  private look(): void {
    const now = performance.now();
    for (const voice of this.voices) {
      const talker = voice.talker(now);
      if (talker !== null) voice.volume(this.needs.volume(talker));
    }
    const stopped = this.flow.feed(
      this.voices.map((voice) => voice.playedAt()),
      now,
    );
    if (stopped && this.keeper.leg && now - this.renewedAt > REST) void this.findTheWay(this.keeper.leg);
  }

  private async findTheWay(leg: Leg): Promise<void> {
    const { flow } = this;
    // In a mere pause something has come after half of that.
    if (!(await this.isLifeless(leg, flow.patience / 2))) return;
    this.doubt(true);
    const spread = Math.random() * SPREAD * this.needs.people();
    const lifeless = await this.isLifeless(leg, flow.patience / 2);
    if (!lifeless || flow.silence(performance.now()) > TELLING) return this.doubt(false);
    if (spread >= LOOK && !(await this.isLifeless(leg, spread))) return this.doubt(false);
    this.renewedAt = performance.now();
    this.lost = true;
    this.keeper.renew();
  }

  private doubt(doubtful: boolean): void {
    forget(this.prepared);
    this.prepared = doubtful ? prepareListenLeg() : null;
    this.needs.doubt(doubtful);
  }

  /** The new leg knows its way, though nothing has come by it yet. */
  private found(leg: Leg): void {
    if (!this.lost || leg !== this.keeper.leg) return;
    this.lost = false;
    void protocolOf(leg).then((protocol) => protocol !== null && this.needs.moved(protocol));
  }

  /** Whether the leg, still in use, receives nothing for `time` ms. */
  private async isLifeless(leg: Leg, time: number): Promise<boolean> {
    const before = await received(leg);
    await new Promise((resolve) => setTimeout(resolve, time));
    return this.keeper.leg === leg && (await received(leg)) <= before && this.keeper.leg === leg;
  }

  private async make(signal: AbortSignal): Promise<Leg> {
    const fate = {
      found: (leg: Leg) => this.found(leg),
      up: (leg: Leg) => this.keeper.up(leg),
      broken: (leg: Leg) => this.keeper.broken(leg),
    };
    const prepared = this.prepared ?? prepareListenLeg();
    this.prepared = null;
    const leg = await makeLeg(this.needs.api, this.needs.room, 'listen', prepared, null, fate, signal);
    if (signal.aborted) return leg;
    this.hush();
    this.flow = new FlowWatch();
    this.voices = leg.pc.getReceivers().map((receiver) => new Voice(audioContext(), receiver, this.mend));
    this.looking = setInterval(() => this.look(), LOOK);
    const device = this.needs.output();
    // An output that is gone: the system's is used.
    if (device) void this.output(device).catch(ignore);
    if (this.held) this.hold();
    else this.play();
    return leg;
  }

  private makePlain(signal: AbortSignal): Promise<Plain> {
    const device = this.needs.output();
    if (device) void this.player.output(device).catch(ignore);
    const fate = {
      up: (stream: Plain) => {
        this.needs.blocked(false);
        this.plain.up(stream);
      },
      broken: (stream: Plain) => this.plain.broken(stream),
      // While nobody looks there is nobody to press anything.
      refused: () => (this.route.byItself ? this.route.plainFails() : this.needs.blocked(true)),
    };
    return this.player.open(this.needs.api, this.needs.room, fate, signal);
  }

  private play(): void {
    // Refused, it is said by what began it.
    this.player.play().catch(ignore);
    for (const voice of this.voices.filter(({ playing }) => !playing)) {
      voice.play().then(
        () => this.needs.blocked(false),
        // Other refusals come from voices that were replaced meanwhile.
        (error: unknown) => wantsGesture(error) && this.needs.blocked(true),
      );
    }
  }

  /** Without voices there is nothing to look at: a phone that plays the plain stream is not woken for it. */
  private hush(): void {
    clearInterval(this.looking);
    for (const voice of this.voices) voice.close();
    this.voices = [];
  }
}

/** Whether the audio graph does not run: not yet, or because the system has suspended or interrupted it. */
function halted(): boolean {
  return audioContext().state !== 'running';
}

function ignore(): void {}
