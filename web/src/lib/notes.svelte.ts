/** Short notes that are shown for a while and read out by screen readers. */

/** For how long a note stays, in ms; longer notes stay longer. */
const STAYS = 5_000;
const PER_LETTER = 40;
/** How long at least a note stays that has a button, in ms. */
const ACTED = 12_000;
/** At most so many at once: the oldest goes. */
const MOST = 3;

export interface Note {
  id: number;
  text: string;
  /** Otherwise it is only read out. */
  shown: boolean;
  /** A newer note about the same matter takes its place. */
  matter?: string | undefined;
  /** What can be done about it, such as undoing it. */
  act?: { label: string; do: () => unknown } | undefined;
}

class Notes {
  list = $state.raw<Note[]>([]);
  private next = 0;

  tell(text: string, { shown = true, matter, act }: Partial<Note> = {}): void {
    const id = this.next++;
    // The same words twice in a row are one note that stays longer.
    const others = this.list.filter(
      (note) => note.text !== text && (matter === undefined || note.matter !== matter),
    );
    this.list = [...others, { id, text, shown, matter, act }].slice(-MOST);
    setTimeout(() => this.drop(id), (act ? ACTED : STAYS) + PER_LETTER * text.length);
  }

  /** The matter is settled: what was said about it no longer holds. */
  settle(matter: string): void {
    this.list = this.list.filter((note) => note.matter !== matter);
  }

  drop(id: number): void {
    this.list = this.list.filter((note) => note.id !== id);
  }
}

export const notes = new Notes();
