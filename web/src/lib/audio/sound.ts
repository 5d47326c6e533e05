/** Sound out: the voices of a listen leg, the audio graph that measures them, and the browser's leave to play. */

import { fromAmplitude, shownLevel, TalkerWatch } from './level';

/** Samples per measurement: about 21 ms at 48 kHz, one Opus packet. */
const WINDOW = 1024;

type Play = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

/** Measures the level of one stream. */
export class Meter {
  private readonly samples = new Float32Array(WINDOW);
  private readonly analyser: AnalyserNode;
  private readonly node: MediaStreamAudioSourceNode;

  constructor(
    private readonly context: AudioContext,
    stream: MediaStream,
  ) {
    this.node = context.createMediaStreamSource(stream);
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = WINDOW;
    this.node.connect(this.analyser);
  }

  /** The level now, 0 to 1; 0 while the audio context does not run, whose last samples would stand still. */
  level(): number {
    if (this.context.state !== 'running') return 0;
    this.analyser.getFloatTimeDomainData(this.samples);
    return shownLevel(this.samples);
  }

  close(): void {
    this.node.disconnect();
  }
}

/** One voice slot of the listen leg: plays it, measures it, and knows whose it is. */
export class Voice {
  private readonly element: Play = new Audio();
  private readonly meter: Meter;
  private readonly watch = new TalkerWatch();

  /** `stopped` is told when the system stops the playing. */
  constructor(
    context: AudioContext,
    private readonly receiver: RTCRtpReceiver,
    stopped: () => void,
  ) {
    const stream = new MediaStream([receiver.track]);
    // The element plays, also with the screen locked, when systems halt audio graphs; the graph only measures. Without an
    // element Chromium does not decode a remote track.
    this.element.autoplay = true;
    this.element.srcObject = stream;
    this.element.onpause = stopped;
    this.meter = new Meter(context, stream);
  }

  /** Plays. Rejects with `NotAllowedError` when the browser wants a gesture first. */
  play(): Promise<void> {
    return this.element.play();
  }

  get playing(): boolean {
    return !this.element.paused;
  }

  /** How far it has played, in s. */
  get seconds(): number {
    return this.element.currentTime;
  }

  /** Holds it back, until it is played again. */
  pause(): void {
    this.element.autoplay = false;
    this.element.pause();
  }

  /** Whose voice it is at `now` (ms), by their number in the room; null when nobody is heard here. */
  talker(now: number): number | null {
    return this.watch.feed(this.receiver.getContributingSources(), now);
  }

  /** Plays this loud, 0 to 1. */
  volume(volume: number): void {
    this.element.volume = volume;
    // Where the volume is left to the system's own buttons a page can be silent nevertheless.
    this.element.muted = volume === 0;
  }

  /** Whose voice it is at `now` (ms), by their number in the room, and how loud. */
  heard(now: number): { talker: number; level: number } | null {
    const talker = this.talker(now);
    if (talker === null) return null;
    const measured = this.meter.level();
    // While the graph may not run, the receiver's own figure stands in.
    const level = measured || fromAmplitude(this.receiver.getSynchronizationSources()[0]?.audioLevel ?? 0);
    return { talker, level };
  }

  /** The time of the packet played last; null before the first. */
  playedAt(): number | null {
    return this.receiver.getSynchronizationSources()[0]?.timestamp ?? null;
  }

  /** Sends the voice to an output device; '' is the system's. */
  async output(device: string): Promise<void> {
    await this.element.setSinkId?.(device);
  }

  close(): void {
    this.meter.close();
    this.element.onpause = null;
    this.element.pause();
    this.element.srcObject = null;
  }
}

/** Whether `play` was refused for want of a gesture. */
export function wantsGesture(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotAllowedError';
}

/** Whether a page sets how loud it plays. Some systems leave that to their own buttons; silent it can be anywhere. */
export function volumeIsOurs(): boolean {
  const probe = new Audio();
  probe.volume = 0.5;
  return probe.volume === 0.5;
}

let shared: AudioContext | null = null;

/** The one audio context of the page. Browsers limit their number, and keep it silent until the first gesture. */
export function audioContext(): AudioContext {
  shared ??= new AudioContext({ latencyHint: 'interactive' });
  return shared;
}

/** Plays a soft chord of 0.9 s to an output device, so that somebody can tell whether they hear. */
export async function playTestTone(device: string): Promise<void> {
  const context = audioContext();
  await context.resume();
  const out = context.createMediaStreamDestination();
  const start = context.currentTime + 0.05;
  for (const [i, frequency] of [392, 493.88, 587.33].entries()) {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.12, start + 0.04 + i * 0.06);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.9);
    tone.connect(gain).connect(out);
    tone.start(start + i * 0.06);
    tone.stop(start + 0.9);
  }
  const element: Play = new Audio();
  element.srcObject = out.stream;
  if (device) await element.setSinkId?.(device);
  await element.play();
  setTimeout(() => {
    element.srcObject = null;
  }, 1_500);
}
