import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/client';
import { deviceName, passkeysWork, pathAfter, troubleOf } from './passkeys';

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['roomtone.example', true],
  ['localhost', true],
  ['127.0.0.1', false],
  ['[::1]', false],
])('at %s passkeys can work: %s', (host, expected) => {
  vi.stubGlobal('PublicKeyCredential', class {});
  expect(passkeysWork(host)).toBe(expected);
});

it('passkeys cannot work without a browser that has them', () => {
  expect(passkeysWork('roomtone.example')).toBe(false);
});

it.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox, Linux'],
  [
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
    'Chrome, Android',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0',
    'Edge, Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
    'Safari, iPhone',
  ],
  ['curl/8.5.0', ''],
])('names a device %#', (agent, expected) => {
  expect(deviceName(agent)).toBe(expected);
});

describe('the way on after signing in', () => {
  const origin = 'https://roomtone.example';

  it.each([
    [null, '/'],
    ['/room/abc?x=1', '/room/abc?x=1'],
    ['//evil.example/x', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['', '/'],
  ])('%j leads to %s', (to, expected) => {
    expect(pathAfter(to, origin)).toBe(expected);
  });
});

it.each([
  [new ApiError('ceremony_over', '', 409), { code: 'ceremony_over' }],
  [new DOMException('no', 'NotAllowedError'), { browser: 'stopped' }],
  [new DOMException('again', 'InvalidStateError'), { browser: 'known' }],
  [new DOMException('host', 'SecurityError'), { browser: 'place' }],
  ['what', { browser: 'other' }],
])('tells what a failure means: %#', (error, expected) => {
  expect(troubleOf(error)).toEqual(expected);
});
