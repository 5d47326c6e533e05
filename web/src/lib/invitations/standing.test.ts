import { describe, expect, it } from 'vitest';
import type { Can, Invitation } from '$lib/api/invitations';
import { answers, isOpen, isUnverified, myTurn, standingOf, stands } from './standing';

const asked: Pick<Invitation, 'state' | 'turn' | 'later' | 'unverified' | 'you'> = {
  state: 'asked',
  turn: 'invitee',
  later: null,
  unverified: false,
  you: null,
};

describe('standing', () => {
  it.each([
    [{}, 'asked'],
    [{ later: 5 }, 'later'],
    [{ turn: 'host' }, 'askedHost'],
    // What waits for the host was said after any promise to answer.
    [{ turn: 'host', later: 5 }, 'askedHost'],
    [{ state: 'accepted', turn: null }, 'accepted'],
    [{ state: 'accepted', turn: 'host', later: 5 }, 'accepted'],
    [{ state: 'merged', turn: null }, 'merged'],
  ] as const)('%j is %s', (change, expected) => {
    expect(standingOf({ ...asked, ...change })).toBe(expected);
  });

  it.each([
    [{ state: 'accepted', turn: null }, true],
    [{ state: 'declined', turn: null }, true],
    [{ later: 5 }, true],
    // Who waits is the host, and who has taken it back too: no voice of the other side says that.
    [{}, false],
    [{ turn: 'host' }, false],
    [{ state: 'withdrawn', turn: null }, false],
  ] as const)('of an unverified voice, %j is theirs: %s', (change, expected) => {
    expect(isUnverified({ ...asked, ...change, unverified: true })).toBe(expected);
    expect(isUnverified({ ...asked, ...change })).toBe(false);
  });

  it('is open while something can happen', () => {
    const all = ['asked', 'accepted', 'declined', 'withdrawn', 'expired', 'merged', 'done'] as const;
    expect(all.filter(isOpen)).toEqual(['asked', 'accepted']);
  });

  it('knows whose turn it is', () => {
    const mine = (['host', 'invitee', 'host_office', 'invitee_office', 'outside', null] as const).filter(
      (you) => myTurn({ ...asked, you }),
    );
    expect(mine).toEqual(['invitee', 'invitee_office', 'outside']);
    expect(myTurn({ ...asked, you: 'host_office', turn: 'host' })).toBe(true);
    expect(myTurn({ ...asked, you: 'invitee', state: 'declined' })).toBe(false);
  });
});

describe('answers', () => {
  it('stand in the order in which they are hoped for, without what is offered elsewhere', () => {
    const can: Can[] = ['translate', 'decline', 'withdraw', 'accept', 'propose_sheet', 'need_details'];
    expect(answers(can)).toEqual(['accept', 'need_details', 'decline']);
  });

  it('stand out only where one is hoped for', () => {
    expect(stands('accept', ['accept', 'decline'])).toBe(true);
    expect(stands('accept', ['agree_time', 'accept'])).toBe(false);
    expect(stands('decline', ['decline'])).toBe(false);
    expect(stands('propose_time', ['propose_time', 'decline'])).toBe(false);
  });
});
