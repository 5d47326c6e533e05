import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LegKeeper } from './keeper';

interface Made {
  leg: { name: number; closed: boolean; close(): void };
  ready(): void;
  refuse(error: Error): void;
}

function setup() {
  const made: Made[] = [];
  const told: string[] = [];
  const keeper = new LegKeeper<Made['leg']>({
    make: () =>
      new Promise((resolve, reject) => {
        const leg = {
          name: made.length,
          closed: false,
          close() {
            this.closed = true;
          },
        };
        made.push({ leg, ready: () => resolve(leg), refuse: reject });
      }),
    passing: (error) => (error as Error).message.startsWith('later'),
    asksToWait: (error) => Number((error as Error).message.split(' in ')[1] ?? Number.NaN) || null,
    changed: (state) => told.push(state),
    failed: (error) => told.push((error as Error).message),
    random: () => 1,
  });
  /** Lets the promises run. */
  const settle = () => vi.advanceTimersByTimeAsync(0);
  return { keeper, made, told, settle };
}

/** With one leg that is up. */
async function running() {
  const all = setup();
  all.keeper.start();
  all.made[0]!.ready();
  await all.settle();
  all.keeper.up(all.made[0]!.leg);
  return all;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a keeper', () => {
  it('makes one leg, however often it is asked', async () => {
    const { keeper, made, told } = await running();
    keeper.start();
    expect(made).toHaveLength(1);
    expect(told).toEqual(['trying', 'up']);
  });

  it('replaces a leg that broke at once, and closes the old one', async () => {
    const { keeper, made } = await running();
    keeper.broken(made[0]!.leg);
    expect(made[0]!.leg.closed).toBe(true);
    expect(made).toHaveLength(2);
  });

  it('waits longer each time that a new leg does not come up', async () => {
    const { keeper, made, settle } = setup();
    keeper.start();
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      made[i]!.ready();
      await settle();
      keeper.broken(made[i]!.leg);
      let waited = 0;
      while (made.length === i + 1) {
        vi.advanceTimersByTime(100);
        waited += 100;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([300, 600, 1200, 2400, 4000, 4000]);
  });

  it('tries again after an error that passes', async () => {
    const { keeper, made, settle, told } = setup();
    keeper.start();
    made[0]!.refuse(new Error('later'));
    await settle();
    await vi.advanceTimersByTimeAsync(300);
    expect(made).toHaveLength(2);
    expect(told).toEqual(['trying']);
  });

  it.each([
    ['later in 12000', 15_000],
    ['later in 10', 300],
    ['later in 86400000', 75_000],
  ])('waits as long as it is asked to, and a little more, within reason: %s', async (error, ms) => {
    const { keeper, made, settle, told } = setup();
    keeper.start();
    made[0]!.refuse(new Error(error));
    await settle();
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(made).toHaveLength(2);
    expect(told).toEqual(['trying']);
  });

  it('stops after an error that does not', async () => {
    const { keeper, made, settle, told } = setup();
    keeper.start();
    made[0]!.refuse(new Error('no'));
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(made).toHaveLength(1);
    expect(told).toEqual(['trying', 'off', 'no']);
  });

  it('closes a leg that came after it was stopped', async () => {
    const { keeper, made, settle } = setup();
    keeper.start();
    keeper.stop();
    made[0]!.ready();
    await settle();
    expect(made[0]!.leg.closed).toBe(true);
    expect(keeper.leg).toBeNull();
  });

  it('does not listen to legs of the past', async () => {
    const { keeper, made, settle } = await running();
    keeper.renew();
    made[1]!.ready();
    await settle();
    keeper.broken(made[0]!.leg);
    keeper.up(made[0]!.leg);
    expect(keeper.leg).toBe(made[1]!.leg);
    expect(keeper.state).toBe('trying');
  });

  it('stays off when it is renewed while off', () => {
    const { keeper, made } = setup();
    keeper.renew();
    expect(made).toHaveLength(0);
  });
});
