/** Whether the sound of a listen leg has just stopped, and how long to wait before that means that its way is lost. Pure. */

/** How much longer than usual, in ms, nothing may be played before it counts as stopped; and at least and at most how long in
 * all. Shorter finds out sooner that the network has changed; longer asks less often whether anything comes at all. */
const STOPPED = { later: 50, least: 100, most: 200 };
/** The same for how long nothing at all may arrive after that. The server sends something every 50 ms then (docs/PROTOCOL.md,
 * "Media legs"). Shorter heals sooner; longer takes fewer stalls of a network for its end. */
const LIFELESS = { later: 120, least: 150, most: 250 };
/** So many of the last times from one look that found something new to the next are remembered: those of about a second. */
const REMEMBERED = 20;
/** Which of them, in the order of their length, is the usual one: some looks come late. */
const USUAL = 17;
/** Looks that lie further apart than this, in ms, say nothing of when the sound stopped: the page was held up, as it is in
 * the background. */
const HELD_UP = 150;
/** If the sound was there so shortly before, in ms, the page can still find out afterwards: what the server sends when it stops comes
 * for almost a second. */
const SHORTLY = 300;

export class FlowWatch {
  private newest: number[] = [];
  private advancedAt = -Infinity;
  private lookedAt = -Infinity;
  /** Since when it has been looked at without a break. */
  private lookingSince = -Infinity;
  private told = true;
  /** How far apart looks were that found something new, the newest first. */
  private gaps: number[] = [];

  /**
   * Feeds the times of the packets that the voice slots have played last, on any clock, by slot (null before the first), at
   * `now` (ms of any clock). True once each time that the sound has stopped, if it is known when.
   */
  feed(slots: readonly (number | null)[], now: number): boolean {
    const heldUp = now - this.lookedAt > HELD_UP;
    this.lookedAt = now;
    let advanced = false;
    for (const [at, time] of slots.entries()) {
      if (time === null || time <= (this.newest[at] ?? -Infinity)) continue;
      this.newest[at] = time;
      advanced = true;
    }
    if (advanced) {
      // The time of a pause is not one between packets.
      if (!this.told) this.gaps = [now - this.advancedAt, ...this.gaps].slice(0, REMEMBERED);
      this.advancedAt = now;
      this.told = false;
    }
    if (heldUp) {
      this.told ||= advanced || now - this.advancedAt > SHORTLY;
      this.lookingSince = now;
    }
    if (this.told || now - Math.max(this.advancedAt, this.lookingSince) < this.within(STOPPED)) return false;
    this.told = true;
    return true;
  }

  /** For how long, in ms, nothing has been played at `now`. */
  silence(now: number): number {
    return now - this.advancedAt;
  }

  /** How long, in ms, nothing at all may arrive once the sound has stopped, if its way still leads here. */
  get patience(): number {
    return this.within(LIFELESS);
  }

  /** Where packets come far apart, or unsteadily, or too few have come, nothing is hurried. */
  private within({ later, least, most }: typeof STOPPED): number {
    if (this.gaps.length < REMEMBERED) return most;
    const usual = [...this.gaps].sort((a, b) => a - b)[USUAL]!;
    return Math.min(most, Math.max(least, usual + later));
  }
}
