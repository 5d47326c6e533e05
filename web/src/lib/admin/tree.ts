/**
 * The invite tree as a picture: a ring for each generation, those who came in without a sponsor in the middle, and everybody's
 * guests in the part of the next ring that faces them, as wide as their branch needs.
 */

import type { TreeNode } from '$lib/api/admin';

/** Between two neighbours on a ring and between two rings, at least; in units of the picture. */
const APART = 22;
const RINGS_APART = 64;
/** The circle of somebody without guests, and of somebody with very many. */
const SMALL = 6;
const LARGE = 16;

/** Somebody in the picture. */
export interface Placed {
  node: TreeNode;
  x: number;
  y: number;
  radius: number;
  /** 0 for those in the middle. */
  depth: number;
  /** Where on the ring, in radians clockwise from the top. */
  angle: number;
  /** Who let them in, if that one is in the picture. */
  sponsor: Placed | null;
}

export interface Picture {
  /** Sponsors before their guests. */
  people: Placed[];
  /** From the middle to the edge. */
  extent: number;
}

/** A member with those in the picture whom they let in. */
export interface Branch {
  node: TreeNode;
  guests: Branch[];
}

/** The tree of a list; whose sponsor is not in it stands at the top. The order of the list is kept. */
export function branches(nodes: TreeNode[]): Branch[] {
  const all = new Map(nodes.map((node) => [node.id, { node, guests: [] as Branch[] }]));
  const tops: Branch[] = [];
  for (const branch of all.values()) {
    const sponsor = branch.node.sponsor === null ? undefined : all.get(branch.node.sponsor);
    (sponsor?.guests ?? tops).push(branch);
  }
  return tops;
}

/** Where everybody stands. */
export function picture(nodes: TreeNode[]): Picture {
  const tops = branches(nodes);
  // Guests before their sponsors, without recursion: a chain of sponsors can be as long as the list.
  const order: [Branch, number][] = tops.map((top) => [top, 0]);
  for (let i = 0; i < order.length; i++) {
    const [branch, depth] = order[i]!;
    for (const guest of branch.guests) order.push([guest, depth + 1]);
  }
  const depths = order.reduce((most, [, depth]) => Math.max(most, depth), 0);
  const inner = tops.length > 1 ? RINGS_APART : 0;
  // How much of a circle a branch needs: nearer to the middle one person needs more of it.
  const widths = new Map<Branch, number>();
  for (const [branch, depth] of order.toReversed()) {
    const own = APART / Math.max(inner + depth * RINGS_APART, APART);
    widths.set(branch, Math.max(own, sum(branch.guests.map((guest) => widths.get(guest) ?? 0))));
  }
  const total = sum(tops.map((top) => widths.get(top) ?? 0));
  // All rings grow alike until everybody has room.
  const scale = Math.max(1, total / (2 * Math.PI));

  const people: Placed[] = [];
  const waiting: { branch: Branch; from: number; sponsor: Placed | null; depth: number }[] = [];
  /** In the middle of the part of the circle that begins at `from` and is as wide as `width`. */
  const spread = (guests: Branch[], from: number, width: number, sponsor: Placed | null, depth: number) => {
    let at = from + (width - sum(guests.map((guest) => widths.get(guest) ?? 0))) / 2;
    for (const branch of guests) {
      waiting.push({ branch, from: at, sponsor, depth });
      at += widths.get(branch) ?? 0;
    }
  };
  spread(tops, 0, total, null, 0);
  for (let i = 0; i < waiting.length; i++) {
    const { branch, from, sponsor, depth } = waiting[i]!;
    const width = widths.get(branch) ?? 0;
    const angle = ((from + width / 2) / total) * 2 * Math.PI;
    const ring = scale * (inner + depth * RINGS_APART);
    const radius = Math.min(LARGE, SMALL + 2 * Math.log2(1 + branch.node.guests));
    const [x, y] = [ring * Math.sin(angle), -ring * Math.cos(angle)];
    const placed = { node: branch.node, x, y, radius, depth, angle, sponsor };
    people.push(placed);
    spread(branch.guests, from, width, placed, depth + 1);
  }
  return { people, extent: scale * (inner + depths * RINGS_APART) + 2 * RINGS_APART };
}

/** The line from a sponsor to a guest: along the rays of both, so that lines of one branch run together. */
export function line(from: Placed, to: Placed): string {
  const middle = (Math.hypot(from.x, from.y) + Math.hypot(to.x, to.y)) / 2;
  const bend = (one: Placed) =>
    `${(middle * Math.sin(one.angle)).toFixed(1)} ${(-middle * Math.cos(one.angle)).toFixed(1)}`;
  const point = (one: Placed) => `${one.x.toFixed(1)} ${one.y.toFixed(1)}`;
  return `M${point(from)}C${bend(from)} ${bend(to)} ${point(to)}`;
}

function sum(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
