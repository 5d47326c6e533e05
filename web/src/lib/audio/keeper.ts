/**
 * Keeps one media leg alive: makes it, and makes it again when it breaks, waiting longer each time. No DOM here;
 * what a leg is, is handed in.
 *
 * Invariant: at most one leg is open or being made, and after `stop` none is.
 */

/** Longest wait between two attempts, in ms. */
const LONGEST_WAIT = 4_000;
/** First wait, in ms; it doubles with each failure. */
const FIRST_WAIT = 300;
/** The longest wait, in ms, that somebody else may ask for. */
const LONGEST_ASKED = 60_000;

/** What is kept. */
export interface Closable {
  close(): void;
}

/** Where the leg stands: `trying` covers the first attempt and all later ones. */
export type LegState = 'off' | 'trying' | 'up';

export interface KeeperNeeds<L extends Closable> {
  /** Makes a leg. The signal is aborted when the leg is no longer wanted. */
  make(signal: AbortSignal): Promise<L>;
  /** Whether a failure to make can pass by itself; if not, the keeper stops. */
  passing(error: unknown): boolean;
  /** How long, in ms, a failure asks to wait; null when it does not say. */
  asksToWait(error: unknown): number | null;
  /** Told of every change of state. */
  changed(state: LegState): void;
  /** Told when the keeper stopped because of an error that does not pass. */
  failed(error: unknown): void;
  /** A number from 0 up to 1. */
  random(): number;
}

export class LegKeeper<L extends Closable> {
  /** The leg in use; it may still be connecting. */
  leg: L | null = null;
  state: LegState = 'off';

  private failures = 0;
  private attempt: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly needs: KeeperNeeds<L>) {}

  /** Wants a leg. Nothing happens if there is one already. */
  start(): void {
    if (this.state !== 'off') return;
    this.failures = 0;
    this.set('trying');
    void this.try();
  }

  /** Wants none. */
  stop(): void {
    this.drop();
    this.set('off');
  }

  /** The leg is connected: sound can flow. */
  up(leg: L): void {
    if (leg !== this.leg) return;
    this.failures = 0;
    this.set('up');
  }

  /** The leg broke. One that was up is made again at once, one that never was after a wait. */
  broken(leg: L): void {
    if (leg !== this.leg) return;
    const again = this.state === 'up';
    this.drop();
    this.set('trying');
    if (again) void this.try();
    else this.wait();
  }

  /** Makes the leg anew, whatever state it is in, if one is wanted. */
  renew(): void {
    if (this.state === 'off') return;
    this.drop();
    this.failures = 0;
    this.set('trying');
    void this.try();
  }

  private async try(): Promise<void> {
    const attempt = new AbortController();
    this.attempt = attempt;
    try {
      const leg = await this.needs.make(attempt.signal);
      if (attempt.signal.aborted) leg.close();
      else this.leg = leg;
    } catch (error) {
      if (attempt.signal.aborted) return;
      if (this.needs.passing(error)) return this.wait(this.needs.asksToWait(error));
      this.stop();
      this.needs.failed(error);
    }
  }

  private wait(asked: number | null = null): void {
    const random = this.needs.random();
    const own = Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT) * (0.5 + random / 2);
    // Never sooner than asked, and a little spread out: others were asked the same.
    const wait = asked === null ? own : Math.max(own, Math.min(asked, LONGEST_ASKED) * (1 + random / 4));
    this.failures = Math.min(this.failures + 1, 10);
    this.timer = setTimeout(() => void this.try(), wait);
  }

  private drop(): void {
    this.attempt?.abort();
    this.attempt = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const leg = this.leg;
    this.leg = null;
    leg?.close();
  }

  private set(state: LegState): void {
    if (this.state === state) return;
    this.state = state;
    this.needs.changed(state);
  }
}
