/** How the sound does while a room is entered: looked at again and again, for the mark in the room and for the sheet about it. */

import { Steady, type Figures, type Health, figures, health, qualityOf, type Quality } from './diagnostics';

/** How often the figures are read, in ms. */
const EVERY = 2_000;

type Reports = Parameters<typeof figures>;

export class SoundHealth {
  /** Of the last two looks; null until there are two. */
  now = $state.raw<Health | null>(null);
  /** What is shown of it at a glance. */
  quality = $state<Quality>('good');
  private clock: ReturnType<typeof setInterval> | undefined;

  /** `stats`: the reports of both legs; `blocked`: the browser holds the sound back. */
  constructor(
    private readonly stats: () => Promise<Reports>,
    private readonly blocked: () => boolean,
  ) {}

  start(): void {
    this.stop();
    const steady = new Steady();
    let before: Figures | null = null;
    const look = async () => {
      const now = figures(...(await this.stats()));
      if (clock !== this.clock) return;
      if (before) {
        this.now = health(before, now, this.blocked());
        this.quality = steady.feed(qualityOf(this.now.verdict));
      }
      before = now;
    };
    const clock = setInterval(() => void look(), EVERY);
    this.clock = clock;
    void look();
  }

  stop(): void {
    clearInterval(this.clock);
    this.clock = undefined;
    this.now = null;
    this.quality = 'good';
  }
}
