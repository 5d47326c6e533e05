/** Handles: 2 to 30 lower-case letters of one alphabet, 0-9 and _, beginning with a letter (docs/PROTOCOL.md). */

const CYRILLIC: Record<string, string> = {
  ...{
    а: 'a',
    б: 'b',
    в: 'v',
    г: 'g',
    д: 'd',
    е: 'e',
    ё: 'e',
    ж: 'zh',
    з: 'z',
    и: 'i',
    й: 'y',
    к: 'k',
    л: 'l',
  },
  ...{ м: 'm', н: 'n', о: 'o', п: 'p', р: 'r', с: 's', т: 't', у: 'u', ф: 'f', х: 'kh', ц: 'ts', ч: 'ch' },
  ...{ ш: 'sh', щ: 'sch', ъ: '', ы: 'y', ь: '', э: 'e', ю: 'yu', я: 'ya', і: 'i', ї: 'yi', є: 'ye', ґ: 'g' },
};

/** Whether the server would take it, as far as its form goes; that its letters are of one alphabet is seen there. */
export function isHandle(handle: string): boolean {
  return handle === handle.normalize('NFKC').toLowerCase() && /^\p{L}[\p{L}0-9_]{1,29}$/u.test(handle);
}

/** A handle made of a name, or '' when the name has no letters for one. */
export function suggestHandle(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[а-яёіїєґ]/g, (letter) => CYRILLIC[letter] ?? '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 30);
  return plain.length < 2 ? '' : plain;
}

/** The handles in what somebody typed, with or without @, between commas or spaces. */
export function handlesIn(typed: string): string[] {
  const all = typed.split(/[\s,;]+/).map((one) => one.replace(/^@/, '').toLowerCase());
  return [...new Set(all.filter((one) => one !== ''))];
}
