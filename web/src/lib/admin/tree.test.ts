import { describe, expect, it } from 'vitest';
import type { TreeNode } from '$lib/api/admin';
import { branches, line, picture } from './tree';

function node(id: string, sponsor: string | null, guests = 0): TreeNode {
  return { id, handle: id, name: id.toUpperCase(), sponsor, suspended: false, guests };
}

/** A tree of `count` people; who let whom in is drawn by a generator with a fixed seed. */
function grown(count: number): TreeNode[] {
  let seed = 42;
  const draw = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  return Array.from({ length: count }, (_, i) => node(`m${i}`, i === 0 ? null : `m${draw(i)}`));
}

describe('branches', () => {
  it('puts guests under their sponsors, in the order of the list', () => {
    const [ada, ...others] = branches([
      node('ada', null),
      node('ben', 'ada'),
      node('chen', 'ada'),
      node('dia', 'ben'),
    ]);
    expect(others).toEqual([]);
    expect(ada!.guests.map((guest) => guest.node.id)).toEqual(['ben', 'chen']);
    expect(ada!.guests[0]!.guests.map((guest) => guest.node.id)).toEqual(['dia']);
  });

  it('puts those at the top whose sponsor is not there', () => {
    expect(branches([node('ben', 'gone'), node('ada', null)]).map((top) => top.node.id)).toEqual([
      'ben',
      'ada',
    ]);
  });
});

describe('picture', () => {
  it.each([1, 2, 50, 2_000])('has everybody of %d, apart from each other and inside', (count) => {
    const { people, extent } = picture(grown(count));
    expect(people).toHaveLength(count);
    const cells = new Map<string, number>();
    for (const one of people) {
      expect(Math.hypot(one.x, one.y) + one.radius).toBeLessThan(extent);
      const cell = `${Math.round(one.x / 8)},${Math.round(one.y / 8)}`;
      cells.set(cell, (cells.get(cell) ?? 0) + 1);
    }
    expect(Math.max(...cells.values())).toBe(1);
  });

  it('places sponsors before and nearer to the middle than their guests', () => {
    const { people } = picture(grown(300));
    const seen = new Set<string>();
    for (const one of people) {
      if (one.sponsor) {
        expect(seen.has(one.sponsor.node.id)).toBe(true);
        expect(Math.hypot(one.sponsor.x, one.sponsor.y)).toBeLessThan(Math.hypot(one.x, one.y));
      }
      seen.add(one.node.id);
    }
  });

  it('bears a chain as long as the list', () => {
    const chain = Array.from({ length: 2_000 }, (_, i) => node(`m${i}`, i === 0 ? null : `m${i - 1}`));
    expect(picture(chain).people.at(-1)!.depth).toBe(1_999);
  });

  it('draws nobody, and a line from one to the other', () => {
    expect(picture([]).people).toEqual([]);
    const { people } = picture([node('ada', null), node('ben', 'ada')]);
    const [ada, ben] = people as [(typeof people)[0], (typeof people)[0]];
    expect(line(ada, ben)).toMatch(/^M0\.0 -?0\.0C.* .*$/);
    expect(line(ada, ben).endsWith(`${ben.x.toFixed(1)} ${ben.y.toFixed(1)}`)).toBe(true);
  });
});
