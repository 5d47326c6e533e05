/** Whether the sound of a listen leg has just stopped. Pure. */

/** For how long, in ms, nothing may be played before it counts as stopped: longer than the longest packets are apart. */
const STOPPED = 200;

export class FlowWatch {
  private newest: number[] = [];
  private advancedAt = -Infinity;
  private told = true;

  /**
   * Feeds the times of the packets that the voice slots have played last, on any clock, by slot (null before the first), at
   * `now` (ms of any clock). True once each time that the sound has stopped.
   */
  feed(slots: readonly (number | null)[], now: number): boolean {
    for (const [at, time] of slots.entries()) {
      if (time === null || time <= (this.newest[at] ?? -Infinity)) continue;
      this.newest[at] = time;
      this.advancedAt = now;
      this.told = false;
    }
    if (this.told || now - this.advancedAt < STOPPED) return false;
    this.told = true;
    return true;
  }
}
