/** How loud, and who: small values that are fed and read once per picture frame. Pure. */

/** The range of speech that a ring shows, in dB below full scale. */
const FLOOR_DB = -58;
const CEILING_DB = -14;
/** Above this shown level somebody counts as speaking: about -49 dBFS, over the noise of a quiet room. */
const SPEAKING = 0.2;
/** For how long, in ms, a pause between words does not end speaking. */
const HOLD = 450;
/** Time constants, in ms, with which a shown level rises and falls: it has sunk by half after 31 ms, within the 100 ms in which a
 * ring is to follow the sound, and does not yet flicker between syllables. */
const [RISE, FALL] = [35, 45];
/** For how long, in ms, a talker is believed to be audible after their newest packet was played. */
const TALKER_HOLD = 500;

/** The shown level, 0 to 1, of samples in -1 to 1: their root mean square on a logarithmic scale. */
export function shownLevel(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return fromAmplitude(Math.sqrt(sum / Math.max(1, samples.length)));
}

/** The shown level, 0 to 1, of a linear amplitude in 0 to 1. */
export function fromAmplitude(amplitude: number): number {
  if (!(amplitude > 0)) return 0;
  const db = 20 * Math.log10(amplitude);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}

/** A level that rises fast and falls slowly, as eyes like it, and whether it counts as speaking. */
export class Breath {
  /** 0 to 1. */
  level = 0;
  speaking = false;
  private loudAt = -Infinity;
  private fedAt = 0;

  /** Feeds a measured level at `now`, in ms of any clock. */
  feed(measured: number, now: number): void {
    const passed = Math.min(100, Math.max(0, now - this.fedAt));
    this.fedAt = now;
    const time = measured > this.level ? RISE : FALL;
    this.level += (measured - this.level) * (1 - Math.exp(-passed / time));
    if (this.level < 0.002) this.level = 0;
    if (measured >= SPEAKING) this.loudAt = now;
    this.speaking = now - this.loudAt < HOLD;
  }
}

/** The part of `RTCRtpContributingSource` that is used. */
export interface Source {
  source: number;
  timestamp: number;
}

/**
 * Whose sound one receiver is playing, from the contributing sources of RTP (RFC 3550 section 5.1): the newest one,
 * as long as it keeps getting newer. Browsers list sources for ten seconds and do not agree on the clock of their
 * timestamps, so these are compared with each other only.
 */
export class TalkerWatch {
  private newest = -Infinity;
  private advancedAt = -Infinity;
  private talker: number | null = null;

  /** The talker's number in the room at `now` (ms of any clock), or null when nobody is heard here. */
  feed(sources: readonly Source[], now: number): number | null {
    for (const { source, timestamp } of sources) {
      if (timestamp <= this.newest) continue;
      this.newest = timestamp;
      this.talker = source;
      this.advancedAt = now;
    }
    return now - this.advancedAt < TALKER_HOLD ? this.talker : null;
  }
}
