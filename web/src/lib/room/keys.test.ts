import { describe, expect, it } from 'vitest';
import { deedOf } from './keys.svelte';

describe('keys', () => {
  it('go by their letter, and by their place where the layout has no Latin letters', () => {
    expect(deedOf({ key: 'm', code: 'KeyM' })).toBe('mute');
    // On a French layout the letter counts, wherever it is.
    expect(deedOf({ key: 'm', code: 'Semicolon' })).toBe('mute');
    expect(deedOf({ key: 'q', code: 'KeyH' })).toBe(null);
    expect(deedOf({ key: 'ь', code: 'KeyM' })).toBe('mute');
    expect(deedOf({ key: 'Ь', code: 'KeyM' })).toBe('mute');
    expect(deedOf({ key: '?', code: 'Slash' })).toBe('help');
    expect(deedOf({ key: '3', code: 'Digit3' })).toBe('react-2');
    expect(deedOf({ key: '6', code: 'Digit6' })).toBe(null);
    expect(deedOf({ key: 'Escape', code: 'Escape' })).toBe(null);
  });
});
