/**
 * By which way the sound of a room comes: live by WebRTC, or as a plain stream, which is heard a few seconds later and goes on where
 * a system halts WebRTC, as some phones do while the screen is locked. No DOM here.
 *
 * Invariant: whoever is on stage hears it live.
 */

/** A page that was hidden for less, in ms, has not shown whether its sound was halted. */
const LONG_ENOUGH = 5_000;
/** Sound of which less than this share was played while the page was hidden was halted. */
const HALTED = 0.5;

const KEY = 'roomtone.plain';

export type Way = 'live' | 'plain';

/** What has been played of the live sound. */
export interface Played {
  /** Which leg it is of: with another one nothing can be said. */
  leg: string;
  /** How far what plays has come, in s. */
  seconds: number;
  /** At this time, in ms of the wall clock. */
  at: number;
  /** Whether everything plays that should. */
  whole: boolean;
}

/** The part of `Storage` that is used. */
type Kept = Pick<Storage, 'getItem' | 'setItem'>;

export class Route {
  /** The member wants the plain stream always, on this device. */
  chosen: boolean;
  /** This device has halted live sound while the page was hidden. */
  halts: boolean;
  private stage = true;
  private hidden = false;
  /** The plain stream did not work while the page was hidden: not to be tried again before it is seen. */
  private failed = false;
  private before: Played | null = null;
  private now: Way = 'live';

  /** `changed` is told of another way. */
  constructor(
    private readonly kept: Kept | null,
    private readonly changed: (way: Way) => void,
  ) {
    const found = read(kept);
    this.chosen = found.includes('chosen');
    this.halts = found.includes('halts');
  }

  get way(): Way {
    return this.now;
  }

  /** Whether the stream is on although nobody has chosen it. */
  get byItself(): boolean {
    return this.now === 'plain' && !this.chosen;
  }

  /** The member chooses the plain stream, or not; kept on this device. Who does not want it is not given it unasked either. */
  choose(plain: boolean): void {
    this.chosen = plain;
    this.halts &&= plain;
    this.keep();
    this.decide();
  }

  /** Whether the member is on stage. */
  onStage(stage: boolean): void {
    this.stage = stage;
    this.decide();
  }

  /** The page is hidden, and this was played until now; null while nothing is to be heard, or not live. */
  hide(played: Played | null): void {
    this.hidden = true;
    this.before = played;
    this.decide();
  }

  /** The page is seen again. */
  show(played: Played | null): void {
    this.hidden = this.failed = false;
    if (this.before && played && wasHalted(this.before, played) && !this.halts) {
      this.halts = true;
      this.keep();
    }
    this.before = null;
    this.decide();
  }

  /** The plain stream cannot be had, or played: live it is, if nobody has chosen otherwise. */
  plainFails(): void {
    this.failed = true;
    this.decide();
  }

  private decide(): void {
    const wanted = this.chosen || (this.halts && this.hidden && !this.failed);
    const way: Way = wanted && !this.stage ? 'plain' : 'live';
    if (way === this.now) return;
    this.now = way;
    this.changed(way);
  }

  private keep(): void {
    const words = [this.chosen && 'chosen', this.halts && 'halts'].filter(Boolean);
    try {
      this.kept?.setItem(KEY, words.join(' '));
    } catch {
      // A browser that keeps nothing: it holds until the page is closed.
    }
  }
}

/** Whether what played before stood still for most of the time since. */
function wasHalted(before: Played, now: Played): boolean {
  const passed = now.at - before.at;
  if (before.leg !== now.leg || passed < LONG_ENOUGH || !before.whole) return false;
  return !now.whole || (now.seconds - before.seconds) * 1_000 < passed * HALTED;
}

function read(kept: Kept | null): string[] {
  try {
    return (kept?.getItem(KEY) ?? '').split(' ');
  } catch {
    return [];
  }
}
