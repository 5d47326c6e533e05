/** Recording in a room: everybody sees it, and of everybody on stage only those who agree are recorded. */

import { count } from './numbers';

/** To whom the replay will be open, as a part of a sentence. */
const to = {
  everyone: 'everyone, also people without an account',
  members: 'all members of this server',
  attendees: 'those who are in the room while it is recorded',
};

export const recording = {
  to,
  /** The mark that everybody sees. */
  mark: {
    everyone: 'Recorded, open to everyone',
    members: 'Recorded, open to members',
    attendees: 'Recorded, for who is here',
  },
  card: 'Recorded',
  before:
    'Nothing of what you say is stored unless you agree. You are asked on stage, and can speak either way.',
  about: (who: string) =>
    `This talk is being recorded, of those on stage who agree to it. The replay will be open to ${who}, and to whoever the host gives a link to it.`,
  facts: [
    'Whoever does not agree talks on as before, and nothing of what they say is stored.',
    'Listeners are not recorded. Who was here is kept with the replay.',
    'Whoever agreed can stop at any time, and take everything they said out of the replay later.',
  ],
  whoAgreed: 'Are recorded',
  nobody: 'Nobody on stage has agreed yet, so nothing is stored.',
  whoNot: 'Are not recorded',

  /** The host's switch. */
  switch: 'Record this talk',
  switchAbout: 'Everybody sees it, and everybody on stage is asked. Only those who agree are recorded.',
  stop: 'Stop recording',
  stopAsk: 'The recording ends here. What was recorded is made into a replay.',
  choose: {
    title: 'Record this talk',
    legend: 'To whom will the replay be open?',
    about:
      'Whoever is on stage is asked with these words, and it cannot be opened to more people later. You can give single people a link.',
    social: 'In a room that is not open to all, the replay is for those who were there.',
    begin: 'Begin to record',
    you: 'You are asked as well, like everybody on stage.',
  },

  /** The question to somebody on stage. Its wording has a version that the server keeps with each answer. */
  ask: {
    title: 'Record what you say?',
    about: (who: string) =>
      `It will be open to ${who}, to whoever the host gives a link and, if it is reported, to the admins of this server. You can speak either way.`,
    later: 'You can stop being recorded at any time, and take your part out of the replay later.',
    agree: 'Record me',
    no: 'No, thanks',
    agreed: 'What you say is recorded from now on.',
    refused: 'From now on nothing of what you say is recorded.',
    newWords: 'This page is older than the question of this server. Reload it, and the room asks you again.',
    oldWords:
      'This server has been renewed and asks in other words since then, so nobody else can agree to this recording. The host can end it and begin another.',
  },

  mine: 'Record what I say',
  mineAbout: 'You can change it at any time. To take out what was recorded before, open the replay.',
  theirs: 'Is being recorded',
  notTheirs: 'Is not recorded',
  badge: 'recorded',

  news: {
    on: {
      everyone: 'This talk is being recorded, open to everyone.',
      members: 'This talk is being recorded, open to members.',
      attendees: 'This talk is being recorded, for those who are here.',
    },
    off: 'The recording has ended.',
    asked: 'This talk is being recorded. The room asks whether what you say may be.',
    disk_full: 'The recording has stopped: there is no room left on the server. What was recorded is kept.',
    failed:
      'The recording has stopped, because the server could not go on with it. What was recorded is kept.',
    too_long: 'The recording has stopped: it was twelve hours long. The host can begin another.',
    replay: 'The replay can be heard on its page once it is made.',
  },
  agreedCount: (n: number) => count(n, { one: 'voice is recorded', other: 'voices are recorded' }),
  after: 'The talk was recorded',
  afterOpen: 'Open the replay',
};
