/** The last minute of sound, which is kept for reports where the host switches it on, of those on stage who agree. */

import { count, figures } from './numbers';

const people = (n: number) => count(n, { one: 'person', other: 'people' });

export const evidence = {
  /** The mark of a room, and what it means. */
  mark: 'Last minute kept for reports',
  about:
    'In this room the last minute of what is said on stage is kept, of those who agree to it. It is there for somebody who reports this talk, and for nothing else.',
  facts: [
    'It is kept in memory only, one minute at a time. Nothing is written down unless somebody in the room reports the talk.',
    'Only those who run this place can listen to it, and that they did is written in their log.',
    'It is deleted 30 days after they have closed the report, after 180 days at the latest, and with the account of whoever spoke.',
    'Whoever agreed can take it back at any time: what is in memory goes at once. A report that was sent before keeps its minute.',
  ],
  whoAgreed: 'Have agreed',
  nobody: 'Nobody on stage has agreed yet, so nothing is kept.',

  /** The host's switch. */
  switch: 'Keep the last minute for reports',
  switchAbout: 'Everybody sees it, and everybody on stage is asked. Only those who agree are kept.',

  /** The question to somebody on stage. */
  ask: {
    title: 'Keep the last minute of what you say?',
    about: [
      'So that somebody who reports this talk can show what was said. You can speak either way.',
      'It stays in memory, one minute at a time, and is stored only with a report. Only those who run this place can listen to it, and it is deleted 30 days after they close the report, after 180 days at the latest, and with your account if you have one.',
      'You can take it back at any time; a report that has your minute already keeps it.',
    ],
    agree: 'I agree',
    no: 'No, thanks',
    agreed: 'The last minute of what you say is kept from now on.',
    refused: 'From now on nothing of what you say is kept.',
  },

  /** One's own switch, and the mark of others. */
  mine: 'Keep the last minute of what I say',
  mineAbout: 'For reports about this talk. You can change it at any time.',
  theirs: 'Has agreed to the last minute being kept for reports',

  /** In a report. */
  add: (n: number) => `Add the last minute of sound (of the ${people(n)} who agreed)`,
  addAbout: 'Only those who run this place can listen to it.',
  nobodyNow: 'Nobody agrees any more: the report goes without sound.',
  without: 'It can be sent without the sound.',
  sent: (n: number) =>
    n === 0
      ? 'Nobody who agreed has said anything in the last minute, so no sound went with it.'
      : `It went with the last minute of ${people(n)}.`,

  news: {
    on: 'The last minute of what is said on stage is kept for reports here, of those who agree.',
    off: 'The last minute of the talk is not kept any more.',
    asked: 'The last minute on stage is kept for reports here. The room asks whether yours may be.',
  },

  /** For those who run the place. */
  tracks: (n: number) => `The last minute of sound: ${count(n, { one: 'track', other: 'tracks' })}`,
  tracksAbout:
    'Each of them is one person, and all begin at the same moment. That you listen is written in the audit log.',
  gone: 'Somebody who has left',
  length: (ms: number) => `${figures(Math.round(ms / 1_000))} s`,
  track: (name: string) => `What ${name} said`,
};
