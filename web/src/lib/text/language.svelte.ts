/**
 * The language that the interface speaks now. English comes with the page; another catalogue is fetched when it is first needed.
 *
 * Who decides, in this order: the member's own language, if the interface speaks it; what was chosen on this browser; the
 * browser's languages; English.
 */

import { datesIn, type Dates } from './dates';
import { en, type Texts } from './en';
import { CATEGORIES, type Language } from './plural';

export type { Language };

/** The languages of the interface. */
export const INTERFACE_LANGUAGES = Object.keys(CATEGORIES) as Language[];

const KEY = 'roomtone.language';

const FETCH: Record<Language, () => Promise<Texts>> = {
  en: () => Promise.resolve(en),
  ru: async () => (await import('./ru')).ru,
};

class LanguageChoice {
  /** What the pages are in. */
  current = $state<Language>('en');
  texts = $state.raw<Texts>(en);
  dates = $state.raw<Dates>(datesIn(regional('en')));
  /** What was asked for last; an older request that comes later is not obeyed. */
  private wanted: Language = 'en';

  /** Finds out the language before the first page is shown, and fetches its texts. */
  start(): Promise<void> {
    return this.use(stored() ?? preferred(navigator.languages));
  }

  /** Speaks the language of the member who is signed in, now and on later visits, where the interface has it. */
  follow(tag: string): Promise<void> {
    const language = interfaceLanguage(tag);
    return language ? this.choose(language) : Promise.resolve();
  }

  /** Speaks a language, now and on later visits of this browser. */
  choose(language: Language): Promise<void> {
    try {
      localStorage.setItem(KEY, language);
    } catch {
      // Storage can be refused; the choice then lasts until the page is closed.
    }
    return this.use(language);
  }

  /** Whether somebody chose on this browser, rather than the browser for them. */
  get chosen(): boolean {
    return stored() !== null;
  }

  private async use(language: Language): Promise<void> {
    this.wanted = language;
    let texts: Texts;
    try {
      texts = await FETCH[language]();
    } catch {
      // The catalogue could not be fetched: the page goes on in the language that it has.
      return;
    }
    if (this.wanted !== language) return;
    this.texts = texts;
    this.current = language;
    this.dates = datesIn(regional(language));
    document.documentElement.lang = language;
  }
}

export const language = new LanguageChoice();

/** The language of the interface for a BCP 47 tag: "ru-RU" is "ru". */
export function interfaceLanguage(tag: string): Language | null {
  const base = tag.split('-')[0]!.toLowerCase();
  return INTERFACE_LANGUAGES.find((one) => one === base) ?? null;
}

/** The first of somebody's languages that the interface speaks. */
export function preferred(tags: readonly string[]): Language {
  for (const tag of tags) {
    const language = interfaceLanguage(tag);
    if (language) return language;
  }
  return 'en';
}

/** The language with the region that the browser has for it, which decides how dates and hours are written. */
function regional(language: Language): string {
  const tags = typeof navigator === 'undefined' ? [] : (navigator.languages ?? []);
  return tags.find((tag) => interfaceLanguage(tag) === language) ?? language;
}

function stored(): Language | null {
  try {
    return interfaceLanguage(localStorage.getItem(KEY) ?? '');
  } catch {
    return null;
  }
}
