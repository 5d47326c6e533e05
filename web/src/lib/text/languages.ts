/** Languages that a room can be in, by their own names. */

/** What the choice offers first; the server takes any BCP 47 tag. */
export const LANGUAGES = [
  'en',
  'ru',
  'uk',
  'de',
  'fr',
  'es',
  'it',
  'pt',
  'pl',
  'tr',
  'ar',
  'hi',
  'ja',
  'zh',
] as const;

/** A language's name for itself ("Deutsch"), or its tag where the browser has no name. */
export function languageName(tag: string): string {
  try {
    const name = new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
  } catch {
    return tag;
  }
}

/** The browser's language without its region. */
export function browserLanguage(): string {
  return (navigator.language || 'en').split('-')[0]!.toLowerCase();
}
