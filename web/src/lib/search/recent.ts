/** What a member looked for lately, kept in this browser for that member alone. */

/** At most so many; the oldest goes. */
export const MOST_RECENT = 6;

/** The part of `Storage` that is used. */
export type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export class Recent {
  private readonly key: string;
  private words: string[];

  /** `member` is whose list it is, by id. Storage can be refused: the list is then as long as the page lives. */
  constructor(
    member: string,
    private readonly store: Store | null,
  ) {
    this.key = `roomtone.search.${member}`;
    this.words = this.read() ?? [];
  }

  get list(): readonly string[] {
    return this.words;
  }

  /** Puts words first that led to something. */
  add(words: string): void {
    const fresh = words.trim();
    if (fresh === '') return;
    const same = (one: string) => one.toLocaleLowerCase() === fresh.toLocaleLowerCase();
    this.words = [fresh, ...this.words.filter((one) => !same(one))].slice(0, MOST_RECENT);
    this.keep();
  }

  clear(): void {
    this.words = [];
    this.keep();
  }

  private keep(): void {
    try {
      if (this.words.length === 0) this.store?.removeItem(this.key);
      else this.store?.setItem(this.key, JSON.stringify(this.words));
    } catch {
      // Full or refused: see the constructor.
    }
  }

  /** Null where nothing, or something else, is stored. */
  private read(): string[] | null {
    try {
      const value: unknown = JSON.parse(this.store?.getItem(this.key) ?? 'null');
      if (!Array.isArray(value)) return null;
      return value.filter((one): one is string => typeof one === 'string').slice(0, MOST_RECENT);
    } catch {
      return null;
    }
  }
}
