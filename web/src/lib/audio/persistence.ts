/**
 * Keeps the sound of a talk going where the system stops it: for a phone call, with the screen locked, in the background.
 * No DOM here: what sounds, and how it is brought back, is handed in.
 */

/** How often, in ms, it is tried again: seldom enough that a call on the phone does not notice. */
const AGAIN = 1_000;
/** After so many tries in a row it is left until something changes: the screen is unlocked, or the call is over. */
const MOST = 30;

export interface PersistenceNeeds {
  /** Whether everything sounds that should. */
  whole(): boolean;
  /** Tries to bring back what does not. */
  mend(): void;
}

export class Persistence {
  private wanted = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly needs: PersistenceNeeds) {}

  /** From now on the sound is wanted. */
  start(): void {
    this.wanted = true;
    this.look();
  }

  /** From now on it is not: what stops stays so. */
  stop(): void {
    this.wanted = false;
    clearTimeout(this.timer);
  }

  /** Something may have stopped, or may be brought back now. */
  look(): void {
    this.tries = 0;
    this.try();
  }

  private try(): void {
    clearTimeout(this.timer);
    if (!this.wanted || this.needs.whole() || this.tries === MOST) return;
    this.tries += 1;
    this.needs.mend();
    this.timer = setTimeout(() => this.try(), AGAIN);
  }
}
