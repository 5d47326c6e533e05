/** A room that was opened from a talk sheet: what was agreed, and the questions that were put before. */

import { count } from './numbers';

const guests = (n: number) => (n === 1 ? 'one guest' : count(n, { one: 'guest', other: 'guests' }));

export const terms = {
  title: 'The talk sheet',
  about: 'Both sides agreed on this before the talk. The room keeps to it, and nobody in it can change it.',

  /** The line in the room's head. */
  recorded: 'May be recorded',
  notRecorded: 'Not recorded',
  onStage: (who: string) => `on stage: ${who}`,
  and: (most: string, last: string) => `${most} and ${last}`,
  more: (n: number) => `${n} more`,
  guests,

  /** What each part means. */
  recordedAbout:
    'What is said may be kept, of those who agree to it. Nothing is kept unless the room shows it.',
  notRecordedAbout: 'Nothing of what is said is kept: no recording, and no last minute for reports.',
  stage: 'Who may be on stage',
  here: 'here',
  guestPlaces: (n: number) => (n === 0 ? 'No guests come on stage.' : `Besides them, ${guests(n)} at once.`),

  /** Why a button does not work. */
  notNamed: 'Not named in the talk sheet.',
  noPlace: 'The talk sheet has no place for another guest.',
  notKept: 'The talk sheet says that nothing is recorded, so nothing can be kept.',
  handsAbout: 'Only the people in the talk sheet come on stage. Others’ questions can be read here.',
  ask: 'Only the people in the talk sheet speak here. The moderators see your hand and your question.',
  admit: 'The talk sheet has no place on stage for another guest: they come into the audience.',

  questions: {
    title: 'Questions from members',
    about: 'Put before the talk, those that most people would like to hear answered first.',
    open: (n: number) => count(n, { one: 'question from members', other: 'questions from members' }),
    none: 'No questions are left.',
    now: 'Being answered',
    by: (name: string) => `asked by ${name}`,
    votes: (n: number) => count(n, { one: 'vote', other: 'votes' }),
    take: 'Ask this now',
    takeOf: (asked: string) => `Ask this now: ${asked}`,
    close: 'Not now',
    answered: 'Answered',
    answeredOf: (asked: string) => `Answered: ${asked}`,
    skip: 'Skip',
    skipOf: (asked: string) => `Skip: ${asked}`,
    all: 'All questions',
    news: (name: string, asked: string) => `A question is being answered, ${name} asks: ${asked}`,
    settled: 'It is marked as answered on the invitation.',
    skipped: 'The question is out of the queue.',
  },
};
