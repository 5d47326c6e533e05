/** The face of a member without a picture: a two-tone pattern that follows from the handle. */

import faces from './faces.json';

/** A pair of tones and the colour of the initials on them, as `#rrggbb`; checked for contrast in `look/contrast.test.ts`. */
export interface Tones {
  ground: string;
  figure: string;
  letters: string;
}

/** The tones a face can have: half of them pale with dark letters, half deep with pale letters. The server draws from the same file. */
export const PALETTE: readonly Tones[] = faces.palette;

/** The second tone's shapes, as SVG path data in a 100 by 100 box. */
const FIGURES: readonly string[] = faces.figures;

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

/** What somebody in a room is called: a member by their first name. That of a guest may begin with a title, and stays whole. */
export function calledIn(who: { person: { name: string }; guest_of?: unknown }): string {
  return who.guest_of ? who.person.name : firstName(who.person.name);
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
