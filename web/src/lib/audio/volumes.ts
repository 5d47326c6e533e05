/** How loud each person is for a member on this device: kept by person, not by room. */

import { SvelteMap } from 'svelte/reactivity';

const KEY = 'roomtone.volumes.';
/** So many people are remembered; whoever was set longest ago is forgotten first. */
const MOST = 200;

/** The part of `Storage` that is used. */
type Kept = Pick<Storage, 'getItem' | 'setItem'>;

export class Volumes {
  private readonly chosen: SvelteMap<string, number>;
  private readonly key: string;

  /** `me` is the id of the member whose choices these are: several may use one browser. */
  constructor(
    private readonly kept: Kept | null,
    me: string,
  ) {
    this.key = KEY + me;
    this.chosen = new SvelteMap(read(kept, this.key));
  }

  /** From 0, silent, to 1, as loud as it arrives. */
  of(person: string): number {
    return this.chosen.get(person) ?? 1;
  }

  set(person: string, volume: number): void {
    this.chosen.delete(person);
    if (volume < 1) this.chosen.set(person, Math.max(0, volume));
    for (const oldest of [...this.chosen.keys()].slice(0, -MOST)) this.chosen.delete(oldest);
    try {
      this.kept?.setItem(this.key, JSON.stringify([...this.chosen]));
    } catch {
      // A browser that keeps nothing: it holds until the page is closed.
    }
  }
}

function read(kept: Kept | null, key: string): [string, number][] {
  try {
    const found: unknown = JSON.parse(kept?.getItem(key) ?? '[]');
    return Array.isArray(found) ? found.filter(isChoice) : [];
  } catch {
    return [];
  }
}

function isChoice(one: unknown): one is [string, number] {
  return Array.isArray(one) && typeof one[0] === 'string' && one[1] >= 0 && one[1] < 1;
}
