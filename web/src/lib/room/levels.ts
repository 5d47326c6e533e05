/**
 * Who is speaking, drawn sixty times a second without the page being computed anew: every face of a person in the
 * room is registered here by number, and gets `--level` (0 to 1) and `data-speaking`.
 */

import { Breath } from '$lib/audio/level';

/** The number under which an element shows the loudest of all; participants are numbered from 1. */
export const EVERYBODY = -1;
/** Below this difference a new level is not worth a style change. */
const STEP = 0.008;

interface Watched {
  element: HTMLElement;
  shown: number;
}

export class Levels {
  private readonly breaths = new Map<number, Breath>();
  private readonly watched = new Map<number, Set<Watched>>();
  private frame: number | null = null;
  private speaking = '';

  /**
   * `measure` is called once per picture with the time in ms, and names who is audible; `changed` hears the numbers of
   * those who speak, loudest first, only when they change.
   */
  constructor(
    private readonly measure: (now: number) => { talker: number; level: number }[],
    private readonly changed: (speaking: number[]) => void,
  ) {}

  start(): void {
    this.frame ??= requestAnimationFrame((now) => this.draw(now));
  }

  stop(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
    this.breaths.clear();
    for (const all of this.watched.values()) for (const one of all) show(one, 0, false);
    this.tell([]);
  }

  /** A Svelte attachment: the element shows the level of the person with this number. */
  watch(number: number): (element: HTMLElement) => () => void {
    return (element) => {
      const one: Watched = { element, shown: -1 };
      const all = this.watched.get(number) ?? new Set();
      this.watched.set(number, all.add(one));
      const breath = this.breaths.get(number);
      show(one, breath?.level ?? 0, breath?.speaking ?? false);
      return () => {
        all.delete(one);
        if (all.size === 0) this.watched.delete(number);
      };
    };
  }

  private draw(now: number): void {
    this.frame = requestAnimationFrame((next) => this.draw(next));
    const heard = new Map<number, number>();
    // The same talker can be in two slots for a moment, while slots change.
    for (const { talker, level } of this.measure(now))
      heard.set(talker, Math.max(level, heard.get(talker) ?? 0));
    for (const talker of heard.keys()) if (!this.breaths.has(talker)) this.breaths.set(talker, new Breath());
    let loudest = 0;
    for (const [number, breath] of this.breaths) {
      breath.feed(heard.get(number) ?? 0, now);
      loudest = Math.max(loudest, breath.level);
      for (const one of this.watched.get(number) ?? []) show(one, breath.level, breath.speaking);
      if (breath.level === 0 && !breath.speaking) this.breaths.delete(number);
    }
    for (const one of this.watched.get(EVERYBODY) ?? []) show(one, loudest, loudest > 0);
    const speaking = [...this.breaths].filter(([, breath]) => breath.speaking);
    this.tell(speaking.sort((a, b) => b[1].level - a[1].level).map(([number]) => number));
  }

  private tell(numbers: number[]): void {
    // Who is loudest changes with every syllable; who speaks does not.
    const key = [...numbers].sort((a, b) => a - b).join();
    if (key === this.speaking) return;
    this.speaking = key;
    this.changed(numbers);
  }
}

function show(one: Watched, level: number, speaking: boolean): void {
  const { element } = one;
  if (Math.abs(level - one.shown) > STEP || (level === 0 && one.shown !== 0)) {
    one.shown = level;
    element.style.setProperty('--level', level.toFixed(3));
  }
  const text = String(speaking);
  if (element.dataset.speaking !== text) element.dataset.speaking = text;
}
