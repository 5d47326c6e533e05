/** Which keys do what in a room, and whether they do: kept on this device. */

export type Deed = 'mute' | 'hand' | 'leave' | 'lines' | 'help' | `react-${number}`;

const LETTERS: Record<string, Deed> = { m: 'mute', h: 'hand', l: 'leave', c: 'lines', '?': 'help' };

/** What a key asks for, or null. Where the layout has no Latin letters, the place of the key counts. */
export function deedOf({ key, code }: Pick<KeyboardEvent, 'key' | 'code'>): Deed | null {
  const letter = key.toLowerCase();
  if (/^[1-5]$/.test(key)) return `react-${Number(key) - 1}`;
  if (Object.hasOwn(LETTERS, letter)) return LETTERS[letter]!;
  const latin = /^[a-z]$/.test(letter);
  const place = /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
  return !latin && place !== undefined && letter.length === 1 ? (LETTERS[place] ?? null) : null;
}

class Keys {
  on = $state(stored('keys', true));
  pushToTalk = $state(stored('hold', false));

  use(on: boolean): void {
    this.on = on;
    keep('keys', on);
  }

  hold(on: boolean): void {
    this.pushToTalk = on;
    keep('hold', on);
  }
}

export const keys = new Keys();

function stored(name: string, otherwise: boolean): boolean {
  try {
    return JSON.parse(localStorage.getItem(`roomtone.${name}`) ?? String(otherwise)) === true;
  } catch {
    return otherwise;
  }
}

function keep(name: string, on: boolean): void {
  try {
    localStorage.setItem(`roomtone.${name}`, String(on));
  } catch {
    // Storage can be refused; the choice then lasts until the page is closed.
  }
}
