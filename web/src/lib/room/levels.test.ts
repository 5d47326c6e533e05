import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EVERYBODY, Levels } from './levels';

/** The part of an element that is written to. */
function fakeElement() {
  const style: Record<string, string> = {};
  const element = {
    dataset: {} as Record<string, string>,
    style: { setProperty: (name: string, value: string) => (style[name] = value) },
  };
  return {
    element: element as unknown as HTMLElement,
    level: () => Number(style['--level']),
    data: element.dataset,
  };
}

let draw: FrameRequestCallback | null = null;
let now = 0;

/** Lets `ms` pass, at sixty pictures a second. */
function pass(ms: number) {
  for (const end = now + ms; now < end; now += 16) draw?.(now);
}

beforeEach(() => {
  now = 0;
  vi.stubGlobal('requestAnimationFrame', (next: FrameRequestCallback) => {
    draw = next;
    return 1;
  });
  vi.stubGlobal('cancelAnimationFrame', () => (draw = null));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function setup() {
  const heard: { talker: number; level: number }[] = [];
  const told: number[][] = [];
  const levels = new Levels(
    () => heard,
    (speaking) => told.push(speaking),
  );
  levels.start();
  return { levels, heard, told };
}

it('shows each person their own level, and the room the loudest', () => {
  const { levels, heard } = setup();
  const [ada, ben, room] = [fakeElement(), fakeElement(), fakeElement()];
  levels.watch(1)(ada.element);
  levels.watch(2)(ben.element);
  levels.watch(EVERYBODY)(room.element);
  heard.push({ talker: 1, level: 0.7 });
  pass(400);
  expect(ada.level()).toBeCloseTo(0.7, 1);
  expect(ada.data.speaking).toBe('true');
  expect(ben.level()).toBe(0);
  expect(ben.data.speaking).toBe('false');
  expect(room.level()).toBeCloseTo(0.7, 1);
  heard.length = 0;
  pass(3_000);
  expect([ada.level(), ada.data.speaking, room.level()]).toEqual([0, 'false', 0]);
});

it('tells who speaks only when that changes', () => {
  const { heard, told } = setup();
  heard.push({ talker: 1, level: 0.5 }, { talker: 2, level: 0.8 });
  pass(500);
  heard.reverse();
  pass(500);
  heard.length = 0;
  pass(2_000);
  expect(told.map((numbers) => [...numbers].sort())).toEqual([[1, 2], []]);
});

it('counts a talker in two slots once, with the louder', () => {
  const { levels, heard, told } = setup();
  const ada = fakeElement();
  levels.watch(1)(ada.element);
  heard.push({ talker: 1, level: 0.9 }, { talker: 1, level: 0 });
  pass(400);
  expect(ada.level()).toBeCloseTo(0.9, 1);
  expect(told).toEqual([[1]]);
});

it('shows a face that comes late what is so already, and forgets one that goes', () => {
  const { levels, heard } = setup();
  heard.push({ talker: 1, level: 0.6 });
  pass(400);
  const late = fakeElement();
  const gone = levels.watch(1)(late.element);
  expect([late.data.speaking, late.level() > 0.5]).toEqual(['true', true]);
  gone();
  heard.length = 0;
  pass(3_000);
  expect(late.data.speaking).toBe('true');
});

it('is still after the room', () => {
  const { levels, heard, told } = setup();
  const ada = fakeElement();
  levels.watch(1)(ada.element);
  heard.push({ talker: 1, level: 0.6 });
  pass(400);
  levels.stop();
  expect([ada.level(), ada.data.speaking, told.at(-1)]).toEqual([0, 'false', []]);
  expect(draw).toBeNull();
});
