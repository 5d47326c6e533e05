/** Whether the sound of a listen leg has just stopped. Pure. */

/** For how long, in ms, nothing may be played before it counts as stopped: longer than the longest packets are apart. */
const STOPPED = 200;
/** Looks that lie further apart than this, in ms, say nothing of when the sound stopped: the page was held up, as it is in
 * the background. */
export const HELD_UP = 150;

export class FlowWatch {
  private newest: number[] = [];
  private advancedAt = -Infinity;
  private lookedAt = -Infinity;
  private told = true;

  /**
   * Feeds the times of the packets that the voice slots have played last, on any clock, by slot (null before the first), at
   * `now` (ms of any clock). True once each time that the sound has stopped, if it is known when.
   */
  feed(slots: readonly (number | null)[], now: number): boolean {
    const heldUp = now - this.lookedAt > HELD_UP;
    this.lookedAt = now;
    for (const [at, time] of slots.entries()) {
      if (time === null || time <= (this.newest[at] ?? -Infinity)) continue;
      this.newest[at] = time;
      this.advancedAt = now;
      this.told = false;
    }
    if (heldUp) this.told = true;
    if (this.told || now - this.advancedAt < STOPPED) return false;
    this.told = true;
    return true;
  }
}
