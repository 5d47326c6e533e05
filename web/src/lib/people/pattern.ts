/** The face of a member without a picture: a two-tone pattern that follows from the handle. */

/** A pair of tones and the colour of the initials on them, as `#rrggbb`; checked for contrast in `look/contrast.test.ts`. */
export interface Tones {
  ground: string;
  figure: string;
  letters: string;
}

/** The tones a face can have: half of them pale with dark letters, half deep with pale letters. */
export const PALETTE: readonly Tones[] = [
  { ground: '#f2cba4', figure: '#e7ab7b', letters: '#4a2412' },
  { ground: '#3f5b58', figure: '#2c4442', letters: '#f3ead8' },
  { ground: '#cbd8b4', figure: '#a9bf8a', letters: '#24331a' },
  { ground: '#6a3b4a', figure: '#512a38', letters: '#f8e7dc' },
  { ground: '#bfd0dc', figure: '#94afc3', letters: '#16293a' },
  { ground: '#4b4a6e', figure: '#373656', letters: '#ece8f4' },
  { ground: '#f0d798', figure: '#dcb85a', letters: '#3b2a05' },
  { ground: '#7a4a2a', figure: '#5f361b', letters: '#fbead3' },
  { ground: '#dcc3d3', figure: '#c29db6', letters: '#3a1830' },
  { ground: '#55622f', figure: '#3f4a20', letters: '#f3f0d8' },
  { ground: '#b5d6cf', figure: '#86bab0', letters: '#0f322d' },
  { ground: '#8a3f2e', figure: '#6c2e21', letters: '#fde9dd' },
];

/** The second tone's shapes, as SVG path data in a 100 by 100 box. */
const FIGURES: readonly string[] = [
  'M0 100L100 0V100Z',
  'M0 55C25 35 45 35 60 50S90 70 100 52V100H0Z',
  'M100 0A100 100 0 0 1 0 100V100H100Z',
  'M0 0H50V100H0Z',
  'M50 0A50 50 0 0 1 50 100Z',
  'M0 66A50 50 0 0 1 100 66V100H0Z',
  'M0 20H100V45H0ZM0 70H100V95H0Z',
  'M100 40A60 60 0 1 0 40 100H100Z',
];

/** What to draw for one person. */
export interface Face extends Tones {
  /** SVG path data of the second tone in a 100 by 100 box. */
  path: string;
  /** How far the path is turned about the centre, in degrees. */
  turn: number;
  /** One or two letters. */
  initials: string;
}

/** The same handle always gives the same face, everywhere. */
export function faceOf(handle: string, name: string): Face {
  const bits = hash(handle);
  const tones = PALETTE[bits % PALETTE.length]!;
  const path = FIGURES[(bits >>> 8) % FIGURES.length]!;
  return { ...tones, path, turn: ((bits >>> 16) % 4) * 90, initials: initialsOf(name) };
}

/** The first letters of the first and the last word of a name, in capitals; a middle dot if it has no letters. */
export function initialsOf(name: string): string {
  const words = name.split(/\s+/).map((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? '');
  const letters = words.filter((letter) => letter !== '');
  const first = letters[0] ?? '·';
  const last = letters.length > 1 ? letters[letters.length - 1]! : '';
  return (first + last).toLocaleUpperCase();
}

/** The first word of a name: what is written large under a face. */
export function firstName(name: string): string {
  return name.trim().split(/\s+/)[0] ?? name;
}

/**
 * A superellipse |x|^n + |y|^n = 1 as SVG path data, for a box of `size` units with `inset` left free on each side.
 * n = 4 is Piet Hein's squircle; people here are a little rounder.
 */
export function squircle(size = 100, inset = 0, n = 3.6): string {
  const radius = size / 2 - inset;
  const points = Array.from({ length: 72 }, (_, i) => {
    const angle = (i / 72) * 2 * Math.PI;
    const x = size / 2 + radius * signedPower(Math.cos(angle), 2 / n);
    const y = size / 2 + radius * signedPower(Math.sin(angle), 2 / n);
    return `${x.toFixed(2)} ${y.toFixed(2)}`;
  });
  return `M${points.join('L')}Z`;
}

function signedPower(base: number, exponent: number): number {
  return Math.sign(base) * Math.abs(base) ** exponent;
}

/** FNV-1a over UTF-16 code units, finished as MurmurHash3 does, so that close handles get far faces. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
