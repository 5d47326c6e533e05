import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dates, language, names, roll, text } from '.';
import { datesIn } from './dates';
import { interfaceLanguage, preferred } from './language.svelte';
import { numbersIn } from './plural';

const stored = new Map<string, string>();

beforeEach(() => {
  stored.clear();
  vi.stubGlobal('document', { documentElement: { lang: 'en' } });
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
});

afterEach(async () => {
  await language.choose('en');
  vi.unstubAllGlobals();
});

it.each([
  [0, '0 listeners'],
  [1, '1 listener'],
  [1204, '1\u2009204 listeners'],
  [1234567, '1\u2009234\u2009567 listeners'],
])('counts %d in English', (n, expected) => {
  expect(numbersIn('en').count(n, { one: 'listener', other: 'listeners' })).toBe(expected);
});

it.each([
  [0, '0 слушателей'],
  [1, '1 слушатель'],
  [3, '3 слушателя'],
  [11, '11 слушателей'],
  [21, '21 слушатель'],
])('counts %d in Russian', (n, expected) => {
  const forms = { one: 'слушатель', few: 'слушателя', many: 'слушателей' };
  expect(numbersIn('ru').count(n, forms)).toBe(expected);
});

it('puts the number where the form wants it', () => {
  const forms = { one: 'остался % знак', few: 'осталось % знака', many: 'осталось % знаков' };
  expect([1, 2, 5].map((n) => numbersIn('ru').count(n, forms))).toEqual([
    'остался 1 знак',
    'осталось 2 знака',
    'осталось 5 знаков',
  ]);
});

it.each([
  [[], 0, ''],
  [['Ada'], 1, 'Ada'],
  [['Ada', 'Ben'], 2, 'Ada and Ben'],
  [['Ada', 'Ben', 'Chen'], 3, 'Ada, Ben and Chen'],
  [['Ada', 'Ben', 'Chen'], 7, 'Ada, Ben, Chen and 4 more'],
])('lists %j of %d people', (shown, total, expected) => {
  expect(names(shown, total)).toBe(expected);
});

it('rolls names up for a card', () => {
  expect(roll(['Ada', 'Ben'], 2)).toBe('Ada, Ben');
  expect(roll(['Ada', 'Ben'], 5)).toBe('Ada, Ben +3');
});

describe('the language', () => {
  it('changes what is said, at once and everywhere', async () => {
    expect(text.hallway.title).toBe('Hallway');
    await language.choose('ru');
    expect(text.hallway.title).toBe('Прихожая');
    expect(names(['Ада', 'Бен'], 4)).toBe('Ада, Бен и ещё 2');
    expect(dates.ago(0, 300_000)).toBe('5 минут назад');
    expect(document.documentElement.lang).toBe('ru');
  });

  it('obeys the last choice, whichever catalogue comes first', async () => {
    await Promise.all([language.choose('ru'), language.choose('en')]);
    expect([language.current, text.close]).toEqual(['en', 'Close']);
  });

  it('starts with what was chosen here, then with what the browser prefers', async () => {
    vi.stubGlobal('navigator', { languages: ['de-AT', 'ru-RU', 'en'] });
    await language.start();
    expect([language.current, language.chosen]).toEqual(['ru', false]);
    await language.choose('en');
    await language.start();
    expect([language.current, language.chosen]).toEqual(['en', true]);
  });

  it('is the member’s own where the interface has it', async () => {
    await language.follow('ru-Cyrl-RU');
    expect(language.current).toBe('ru');
    await language.follow('de');
    expect(language.current).toBe('ru');
  });

  it.each([
    ['ru-RU', 'ru'],
    ['EN', 'en'],
    ['rue', null],
    ['', null],
  ])('of the tag %j is %j', (tag, expected) => {
    expect(interfaceLanguage(tag)).toBe(expected);
  });

  it('is English where nothing else fits', () => {
    expect(preferred(['de', 'fr-CH'])).toBe('en');
    expect(preferred([])).toBe('en');
  });
});

describe('dates', () => {
  const now = Date.UTC(2026, 2, 24, 16, 5);
  const minute = 60_000;

  it.each([
    [30_000, 'now', 'сейчас'],
    [0, 'just now', 'только что'],
    [-59_000, 'just now', 'только что'],
    [-5 * minute, '5 minutes ago', '5 минут назад'],
    [-minute, '1 minute ago', '1 минуту назад'],
    [3 * 60 * minute, 'in 3 hours', 'через 3 часа'],
    [-24 * 60 * minute, 'yesterday', 'вчера'],
    [-21 * 24 * 60 * minute, '3 weeks ago', '3 недели назад'],
    [-800 * 24 * 60 * minute, '2 years ago', '2 года назад'],
  ])('%d ms away', (away, english, russian) => {
    expect(datesIn('en').ago(now + away, now)).toBe(english);
    expect(datesIn('ru').ago(now + away, now)).toBe(russian);
  });

  it('has the reader’s day, clock and zone', () => {
    const ru = datesIn('ru', 'Europe/Moscow');
    expect([ru.day(now, now), ru.clock(now)]).toEqual(['вторник, 24 марта', '19:05']);
    expect(ru.day(Date.UTC(2025, 2, 24), now)).toBe('24 марта 2025 г.');
    const en = datesIn('en-GB', 'Asia/Tokyo');
    expect(en.moment(now, now)).toMatch(/^Wednesday,? 25 March, 01:05$/);
  });

  it('is brief about a day', () => {
    const day = 24 * 60 * minute;
    const [en, ru] = [datesIn('en-GB', 'Europe/Berlin'), datesIn('ru', 'Europe/Berlin')];
    expect([en.brief(now + day, now), ru.brief(now + day, now)]).toEqual(['Wed', 'ср']);
    expect([en.brief(now + 7 * day, now), ru.brief(now + 7 * day, now)]).toEqual(['31 Mar', '31 мар.']);
    expect(en.brief(now + 365 * day, now)).toBe('24 Mar 2027');
    // What has begun is not the same day of next week.
    expect(en.brief(now - minute, now)).toBe('24 Mar');
  });

  it('goes over to another zone, and names it', () => {
    const there = datesIn('en', 'Europe/Berlin').in('Asia/Tokyo');
    expect(there.clock(now)).toMatch(/^1:05\sAM$/);
    expect(there.zone(now)).toBe('Japan Time');
    expect(datesIn('ru', 'Europe/Berlin').zone(now)).toBe('Германия');
  });
});
