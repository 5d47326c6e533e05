import { expect, it } from 'vitest';
import { Volumes } from './volumes';

function storage(text: string | null = null) {
  return {
    text,
    getItem() {
      return this.text;
    },
    setItem(_: string, value: string) {
      this.text = value;
    },
  };
}

it('is as loud as it arrives until somebody is set, and remembers it on the device', () => {
  const kept = storage();
  const volumes = new Volumes(kept);
  expect(volumes.of('ada')).toBe(1);
  volumes.set('ada', 0.4);
  volumes.set('ben', 0);
  volumes.set('chen', -3);
  const later = new Volumes(kept);
  expect(['ada', 'ben', 'chen', 'dita'].map((one) => later.of(one))).toEqual([0.4, 0, 0, 1]);
  later.set('ada', 1);
  expect(kept.text).not.toContain('ada');
});

it('forgets whoever was set longest ago', () => {
  const volumes = new Volumes(storage());
  for (let i = 0; i < 200; i++) volumes.set(`p${i}`, 0.5);
  volumes.set('p0', 0.6);
  volumes.set('one more', 0.5);
  expect([volumes.of('p0'), volumes.of('p1'), volumes.of('p2'), volumes.of('one more')]).toEqual([
    0.6, 1, 0.5, 0.5,
  ]);
});

it('takes nothing from a damaged or forbidden store', () => {
  const broken = ['{', '7', '[["ada",7],["ben","x"],[3,0.5],null,["chen",0.5]]'];
  const found = broken.map((text) => new Volumes(storage(text)));
  expect(found.map((one) => [one.of('ada'), one.of('ben'), one.of('chen')])).toEqual([
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 0.5],
  ]);
  const refusing = new Volumes({
    getItem: () => {
      throw new Error('no');
    },
    setItem: () => {
      throw new Error('no');
    },
  });
  refusing.set('ada', 0.2);
  expect(refusing.of('ada')).toBe(0.2);
});
