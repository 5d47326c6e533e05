import { describe, expect, it } from 'vitest';
import type { Invitee, LetterText, Voice } from '$lib/api/invitations';
import {
  calledOf,
  domainIn,
  inOrder,
  nameOf,
  original,
  paragraphs,
  provenDomain,
  sealOf,
  textIn,
} from './letter';

function letter(language: string, isOriginal = false): LetterText {
  return { language, title: language, text: language, original: isOriginal };
}

describe('the text', () => {
  const texts = [letter('ru'), letter('de'), letter('en', true)];

  it('is the one in the language asked for, or the original', () => {
    expect(textIn(texts, 'ru')?.language).toBe('ru');
    expect(textIn(texts, 'fr')?.language).toBe('en');
    expect(textIn(texts, null)?.language).toBe('en');
    expect(original([])).toBeUndefined();
  });

  it('stands with the original first', () => {
    expect(inOrder(texts).map((text) => text.language)).toEqual(['en', 'de', 'ru']);
  });

  it('has paragraphs between empty lines', () => {
    expect(paragraphs('Dear Mark,\nhello\n \n\n  come and talk \n')).toEqual([
      'Dear Mark,\nhello',
      'come and talk',
    ]);
    expect(paragraphs(' \n\n ')).toEqual([]);
  });
});

it('knows what an invitee is called', () => {
  const outside: Invitee = { person: null, name: 'Mark', about: '', domain: null, verified: [] };
  const person = { id: '1', handle: 'mark', name: 'Mark T', avatar: null };
  expect(nameOf(outside)).toBe('Mark');
  expect(nameOf({ ...outside, person } as Invitee)).toBe('Mark T');
  expect(nameOf({ ...outside, name: '' })).toBeNull();
  expect(calledOf({ ...outside, name: 'President Orlov' })).toBe('President Orlov');
  expect(calledOf({ ...outside, person } as Invitee)).toBe('Mark');
  expect(calledOf({ ...outside, name: '' })).toBeNull();
});

it('seals somebody without an account with the domain that they have proven', () => {
  const voice: Voice = {
    kind: 'unverified',
    side: 'invitee',
    name: 'Mark',
    person: null,
    office_of: null,
    delegate: null,
    proof: null,
  };
  const proof = { kind: 'domain', domain: 'example.org', method: 'dns', proven_at: 1, holds: true } as const;
  const account = { kind: 'account', domain: null, method: null, proven_at: null, holds: true } as const;
  expect(sealOf(voice)).toBe('unverified');
  // A domain that the host did not name says nothing about who it is.
  expect(sealOf({ ...voice, proof })).toBe('unverified');
  expect(sealOf({ ...voice, kind: 'office', proof })).toBe('office');
  expect(sealOf({ ...voice, kind: 'person', proof })).toBe('domain');
  const person = { id: '1', handle: 'mark', name: 'Mark', avatar: null };
  expect(sealOf({ ...voice, kind: 'person', person, proof })).toBe('person');
  expect(sealOf({ ...voice, kind: 'person', proof: account })).toBe('person');
  expect(provenDomain({ ...voice, proof })).toBe('example.org');
  expect(provenDomain({ ...voice, proof: account })).toBeNull();
});

it.each([
  ['https://Example.org/about?x#y', 'example.org'],
  [' example.org. ', 'example.org'],
  ['example.org', 'example.org'],
  ['', ''],
])('reads %j as the domain %j', (typed, expected) => {
  expect(domainIn(typed)).toBe(expected);
});
