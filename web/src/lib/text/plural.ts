/** Numbers in words and figures, for one language. */

/**
 * The plural categories (CLDR) that whole numbers have in each language of the interface. Counting in a language asks for exactly
 * these, so that a missing form is a type error.
 */
export const CATEGORIES = {
  en: ['one', 'other'],
  ru: ['one', 'few', 'many'],
} as const;

/** A language that the interface speaks. */
export type Language = keyof typeof CATEGORIES;

/** The forms of a noun: one for each category that its language has. */
export type Forms<L extends Language> = Record<(typeof CATEGORIES)[L][number], string>;

export interface Numbers<L extends Language> {
  /** A whole number in figures, in groups of three with a thin space: 1 204. */
  figures(n: number): string;
  /** The number with the form that fits it. `%` in a form stands for the number, else it is put before. */
  count(n: number, forms: Forms<L>): string;
}

/** Counting in one language. A fraction is cut to its whole part. */
export function numbersIn<L extends Language>(language: L): Numbers<L> {
  const rules = new Intl.PluralRules(language);
  const figures = (n: number) => String(Math.trunc(n)).replace(/\B(?=(\d{3})+$)/g, '\u2009');
  return {
    figures,
    count(n, forms) {
      const form: string = forms[rules.select(Math.trunc(n)) as keyof Forms<L>];
      return form.includes('%') ? form.replace('%', figures(n)) : `${figures(n)} ${form}`;
    },
  };
}
