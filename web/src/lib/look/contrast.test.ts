import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PALETTE } from '$lib/people/pattern';
import { contrast, luminance } from './contrast';

/** The colour tokens, as `{ paper: { light, dark } }`, read from the style sheet that the pages use. */
function tokens(): Record<string, { light: string; dark: string }> {
  const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
  const found: Record<string, { light: string; dark: string }> = {};
  for (const [, name, light, dark] of css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g)) {
    found[name!] = { light: light!, dark: dark! };
  }
  return found;
}

/** Which text stands on which grounds. */
const TEXT: Record<string, string[]> = {
  ink: ['paper', 'sheet', 'wash', 'live-wash', 'danger-wash'],
  quiet: ['paper', 'sheet', 'wash'],
  paper: ['ink'],
  'live-text': ['paper', 'sheet', 'wash', 'live-wash'],
  'good-text': ['paper', 'sheet'],
  danger: ['paper', 'sheet', 'danger-wash'],
  'on-live': ['live'],
  'on-danger': ['danger'],
};

describe('contrast', () => {
  it('agrees with the examples of WCAG', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
    expect(luminance('#ffffff')).toBeCloseTo(1, 5);
    expect(() => luminance('red')).toThrow(RangeError);
  });

  const all = tokens();
  for (const theme of ['light', 'dark'] as const) {
    for (const [text, grounds] of Object.entries(TEXT)) {
      it.each(grounds)(`${theme}: ${text} can be read on %s`, (ground) => {
        expect(contrast(all[text]![theme], all[ground]![theme])).toBeGreaterThanOrEqual(4.5);
      });
    }

    it(`${theme}: the live colour and field edges stand out from their grounds by 3:1`, () => {
      for (const ground of ['paper', 'sheet'] as const) {
        expect(contrast(all.live![theme], all[ground]![theme])).toBeGreaterThanOrEqual(3);
        expect(contrast(all.edge![theme], all[ground]![theme])).toBeGreaterThanOrEqual(3);
      }
    });
  }

  it.each(PALETTE)('initials can be read on both tones of $ground', ({ ground, figure, letters }) => {
    expect(contrast(letters, ground)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(letters, figure)).toBeGreaterThanOrEqual(4.5);
  });
});
