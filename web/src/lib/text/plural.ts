/** Numbers in words and figures, for one language. */

/** The forms of a noun in one language; `other` is always needed, the rest as the language has them. */
export type Forms = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;

export interface Numbers {
  /** A whole number in figures, in groups of three with a thin space: 1 204. */
  figures(n: number): string;
  /** The number with the form that fits it. `%` in a form stands for the number, else it is put before. */
  count(n: number, forms: Forms): string;
}

/** Counting in the language of a BCP 47 tag. */
export function numbersIn(language: string): Numbers {
  const rules = new Intl.PluralRules(language);
  const figures = (n: number) => String(Math.trunc(n)).replace(/\B(?=(\d{3})+$)/g, '\u2009');
  return {
    figures,
    count(n, forms) {
      const form = forms[rules.select(n)] ?? forms.other;
      return form.includes('%') ? form.replace('%', figures(n)) : `${figures(n)} ${form}`;
    },
  };
}
