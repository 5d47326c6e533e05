/** Whether the sound of a listen leg breaks off in the middle, as when the network underneath changes. Pure. */

/** For how long, in ms, nothing may be played before it counts as broken off: longer than bursts of loss, short enough
 * that a new leg plays within a second. */
const PATIENCE = 400;
/** The server goes on with somebody's sound for longer than this, in ms, after the last of it that was speech: when it
 * stops sooner, the way is gone and not the words. */
const SPEECH_HOLD = 1_000;
/** The least level, as a linear amplitude, that the server takes for speech: -60 dB below full scale. */
const SPEECH = 0.001;
/** The least time, in ms, from one break to the next. */
const REST = 10_000;

/** What one voice slot has played last. */
export interface Played {
  /** Time of the newest packet, on any clock that does not change. */
  timestamp: number;
  /** That packet's level as a linear amplitude; undefined where the browser does not tell. */
  level: number | undefined;
  /** Whose packet, by their number in the room. */
  talker: number;
}

export class FlowWatch {
  private readonly newest = new Map<number, number>();
  private advancedAt = -Infinity;
  private spokenAt = -Infinity;
  private talker: number | null = null;
  private brokeAt = -Infinity;

  /**
   * Feeds what the voice slots have played last, by slot, at `now` (ms of any clock). Gives who was cut short, by their
   * number in the room, once when the sound has broken off; else null.
   */
  feed(slots: readonly (Played | null)[], now: number): number | null {
    for (const [at, played] of slots.entries()) {
      if (!played || played.timestamp <= (this.newest.get(at) ?? -Infinity)) continue;
      this.newest.set(at, played.timestamp);
      this.advancedAt = now;
      if (played.level === undefined || played.level < SPEECH) continue;
      this.spokenAt = now;
      this.talker = played.talker;
    }
    const talked = this.advancedAt - this.spokenAt < SPEECH_HOLD;
    if (!talked || now - this.advancedAt < PATIENCE || now - this.brokeAt < REST) return null;
    this.brokeAt = now;
    return this.talker;
  }

  /** The watch for a new leg, whose packets have times of their own; the rest goes on. */
  anew(): FlowWatch {
    const next = new FlowWatch();
    next.brokeAt = this.brokeAt;
    return next;
  }

  /** Whether anything was played since the sound broke off last. */
  get goesOn(): boolean {
    return this.advancedAt > this.brokeAt;
  }
}
