import { expect, it } from 'vitest';
import { relMe } from './html';

it('writes a link that says rel="me"', () => {
  expect(relMe('https://talk.example/people/ada#8Zk')).toBe(
    '<link rel="me" href="https://talk.example/people/ada#8Zk">',
  );
});

it('keeps every address inside its quotes', () => {
  expect(relMe('https://a.example/?b="><script>&c')).toBe(
    '<link rel="me" href="https://a.example/?b=&quot;>&lt;script>&amp;c">',
  );
});
