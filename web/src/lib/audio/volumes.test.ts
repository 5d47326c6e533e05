import { expect, it } from 'vitest';
import { Volumes } from './volumes';

const KEY = 'roomtone.volumes.me';

function storage(text?: string) {
  const all = new Map(text === undefined ? [] : [[KEY, text]]);
  return {
    all,
    getItem: (key: string) => all.get(key) ?? null,
    setItem: (key: string, value: string) => void all.set(key, value),
  };
}

it('is as loud as it arrives until somebody is set, and remembers it on the device', () => {
  const kept = storage();
  const volumes = new Volumes(kept, 'me');
  expect(volumes.of('ada')).toBe(1);
  volumes.set('ada', 0.4);
  volumes.set('ben', 0);
  volumes.set('chen', -3);
  const later = new Volumes(kept, 'me');
  expect(['ada', 'ben', 'chen', 'dita'].map((one) => later.of(one))).toEqual([0.4, 0, 0, 1]);
  later.set('ada', 1);
  expect(kept.all.get(KEY)).not.toContain('ada');
  // Whoever else uses the browser hears everybody.
  expect(new Volumes(kept, 'somebody else').of('ben')).toBe(1);
});

it('forgets whoever was set longest ago', () => {
  const volumes = new Volumes(storage(), 'me');
  for (let i = 0; i < 200; i++) volumes.set(`p${i}`, 0.5);
  volumes.set('p0', 0.6);
  volumes.set('one more', 0.5);
  expect([volumes.of('p0'), volumes.of('p1'), volumes.of('p2'), volumes.of('one more')]).toEqual([
    0.6, 1, 0.5, 0.5,
  ]);
});

it('takes nothing from a damaged or forbidden store', () => {
  const broken = ['{', '7', '[["ada",7],["ben","x"],[3,0.5],null,["chen",0.5]]'];
  const found = broken.map((text) => new Volumes(storage(text), 'me'));
  expect(found.map((one) => [one.of('ada'), one.of('ben'), one.of('chen')])).toEqual([
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 0.5],
  ]);
  const no = () => {
    throw new Error('no');
  };
  const refusing = new Volumes({ getItem: no, setItem: no }, 'me');
  refusing.set('ada', 0.2);
  expect(refusing.of('ada')).toBe(0.2);
});
