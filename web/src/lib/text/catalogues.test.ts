/** What holds for every catalogue, whatever is added to it. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { en } from './en';
import { CATEGORIES, type Language } from './plural';
import { ru } from './ru';

/** A text, or what makes one, with the path of keys that leads to it. */
type Leaf = [path: string, value: unknown];

const CATALOGUES = { en, ru };

/** Texts without a letter of their own: names, and figures. */
const NO_CYRILLIC = new Set(['name', 'figures']);

/** Numbers that between them need every plural form of every language here. */
const NUMBERS = [0, 1, 2, 5, 11, 21, 1204];

/** What else a function is tried with: a name, nobody, one of the protocol's words. */
const OTHERS = ['Ada', null, 'open'];

function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
}

/** What somebody may read of a leaf: the string, or what a function makes of each argument that it takes. */
function said(path: string, value: unknown): string[] {
  if (typeof value === 'string') return [value];
  const make = value as (...args: unknown[]) => string;
  const tried = (argument: unknown) => {
    try {
      return [make(argument, argument, argument)];
    } catch {
      return [];
    }
  };
  const counted = NUMBERS.flatMap(tried);
  // A form that is missing makes it fail for some numbers and not for others.
  expect([0, NUMBERS.length], `${path}: a plural form is missing`).toContain(counted.length);
  return [...counted, ...OTHERS.flatMap(tried)];
}

/** The words of a generated type that is a choice of words. */
function generated(type: string): string[] {
  const source = readFileSync(new URL(`../protocol/generated/${type}.ts`, import.meta.url), 'utf8');
  return [...source.matchAll(/"([a-z_]+)"/g)].map((match) => match[1]!);
}

describe.each(Object.entries(CATALOGUES))('the catalogue %s', (language, catalogue) => {
  const all = leaves(catalogue);

  it('has the keys of the English one, and no others', () => {
    expect(all.map(([path]) => path).sort()).toEqual(
      leaves(en)
        .map(([path]) => path)
        .sort(),
    );
  });

  it('has texts where English has texts, and functions where it has functions', () => {
    const english = new Map(leaves(en));
    for (const [path, value] of all) {
      const model = english.get(path);
      expect(typeof value, path).toBe(typeof model);
      // A language may need fewer arguments than English ("is" or "are"), never more.
      if (typeof value === 'function' && typeof model === 'function') {
        expect(value.length, path).toBeLessThanOrEqual(model.length);
      }
    }
  });

  it('says something everywhere, in its own letters and without shouting', () => {
    for (const [path, value] of all) {
      const texts = said(path, value);
      expect(texts.length, path).toBeGreaterThan(0);
      for (const one of texts) {
        expect(one.trim(), path).not.toBe('');
        expect(one, path).not.toMatch(/!|undefined|\[object/);
        if (language === 'ru' && !NO_CYRILLIC.has(path)) expect(one, path).toMatch(/[а-яё]/i);
      }
    }
  });

  it('begins what is read out for a button with what stands on it', () => {
    // Who speaks to the computer says what they see (WCAG 2.2, success criterion 2.5.3).
    const texts = new Map(all);
    const named = (path: string) => /Of$/.test(path) && path !== 'invites.daysOf';
    const pairs = all.filter(([path, value]) => named(path) && typeof value === 'function');
    let tried = 0;
    for (const [path, value] of pairs) {
      const shown = texts.get(path.slice(0, -2));
      if (typeof shown !== 'string') continue;
      tried += 1;
      expect((value as (name: string) => string)('Ada').startsWith(shown), path).toBe(true);
    }
    expect(tried).toBeGreaterThan(10);
  });

  it('has words for every code of the protocol', () => {
    const codes = generated('Code');
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter((code) => !Object.hasOwn(catalogue.refusals, code))).toEqual([]);
    expect(catalogue.error('handle_taken')).toBe(catalogue.refusals.handle_taken);
    for (const unknown of ['some_new_code', 'constructor'])
      expect(catalogue.error(unknown)).toContain(unknown);
  });

  it('has words for every kind of notice', () => {
    const kinds = generated('NoticeKind').sort();
    expect(kinds).toContain('followed');
    expect(Object.keys(catalogue.account.notices.kinds).sort()).toEqual(kinds);
    expect(Object.keys(catalogue.inbox.kinds).sort()).toEqual(kinds);
  });

  it('knows the plural categories of its language', () => {
    const rules = new Intl.PluralRules(language);
    const used = new Set(Array.from({ length: 1_001 }, (_, n) => rules.select(n)));
    expect([...used].sort()).toEqual([...CATEGORIES[language as Language]].sort());
  });
});
