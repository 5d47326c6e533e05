/** Replays and recaps: what was recorded of a talk, with everybody's consent, and what is made of it. */

import { parts } from '$lib/replay/time';
import { count } from './numbers';

const minutes = (n: number) => count(n, { one: 'minute', other: 'minutes' });
const seconds = (n: number) => count(n, { one: 'second', other: 'seconds' });
const hours = (n: number) => count(n, { one: 'hour', other: 'hours' });

/** A length in words: "1 hour 2 minutes". */
const length = (ms: number) => {
  const { hours: h, minutes: m, seconds: s } = parts(ms);
  const said = [h === null ? '' : hours(h), m === null ? '' : minutes(m), s === null ? '' : seconds(s)];
  return said.filter((part) => part !== '').join(' ');
};

export const replays = {
  title: 'Replays',
  one: 'Replay',
  about: 'Talks that were recorded, with the consent of everybody in them.',
  boxes: { all: 'Can be heard', mine: 'Mine', heard: 'I was there' },
  boxesAbout: {
    all: 'No talks have been recorded yet that you may hear.',
    mine: 'What you host or say in recorded rooms is found here.',
    heard: 'Recorded talks that you were at are found here.',
  },
  more: 'Show more',
  lately: 'Lately recorded',
  all: 'All replays',
  ofPerson: (name: string) => `Talks of ${name}`,
  ofHouse: 'Talks of this house',
  ofEvent: 'What came of it',
  length,
  ended: (day: string) => `talked on ${day}`,
  hostedBy: (name: string) => `hosted by ${name}`,
  speakers: (n: number) => count(n, { one: 'speaker', other: 'speakers' }),

  /** To whom a replay is open. */
  hearers: {
    everyone: { name: 'Everyone', about: 'Also people without an account. It can be found and shared.' },
    members: { name: 'Members', about: 'Everybody who has an account here.' },
    attendees: { name: 'Who was there', about: 'Those who are in the room while it is recorded.' },
  },
  openTo: {
    everyone: 'Open to everyone',
    members: 'Open to members',
    attendees: 'Open to who was there',
  },
  linked: (n: number) => `and to whoever has ${n === 1 ? 'the link' : `one of ${n} links`}`,

  /** What is shown before there is something to hear. */
  states: {
    recording: 'Being recorded now',
    waiting: 'Waits to be made',
    processing: 'Being made',
    ready: 'Ready',
    failed: 'Could not be made',
    empty: 'Nothing is kept',
  },
  recordingAbout: 'The talk goes on. It can be heard here soon after it has ended.',
  comeIn: 'Come in',
  makingAbout:
    'All voices are put on one clock and brought to one loudness. It takes a few minutes; this page goes on by itself.',
  made: (percent: number) => `${percent} % done`,
  makeAgain: 'Try again',
  failedAbout: 'Something went wrong with the sound of this talk. The tracks are kept.',
  emptyAbout: 'Nobody who agreed to be recorded said anything, or what they said was taken out again.',
  changedAbout: 'Somebody has taken their part out. The replay is being made anew without it.',
  missing: 'This replay is not there, or not for you',
  missingAbout: 'It may have been deleted, or it is open only to those who were there.',

  /** The player. */
  player: {
    name: 'Player',
    play: 'Play',
    pause: 'Pause',
    back: 'Back 15 seconds',
    on: 'On 15 seconds',
    next: 'Next speaker',
    previous: 'Previous speaker',
    speed: 'Speed',
    speedIs: (speed: string) => `Speed: ${speed}`,
    skip: 'Skip silences',
    saves: (length: string) => `${length} shorter`,
    loading: 'The sound is on its way',
    failed: 'The sound could not be fetched.',
    place: 'Place in the talk',
    at: (at: string, all: string) => `${at} of ${all}`,
    left: (clock: string) => `${clock} left`,
    speaks: (names: string) => `${names} speaking`,
    nobody: 'Nobody speaks',
    more: 'More',
    keys: 'Keyboard',
    keysList: {
      play: 'play or pause',
      step: 'back or on 15 seconds',
      turn: 'next or previous speaker',
      chapter: 'next or previous chapter',
      speed: 'faster or slower',
      silence: 'skip silences',
    },
    space: 'Space',
    /** A room goes on while a replay plays. */
    roomHeld: 'Your room is silent here while you listen to this.',
  },

  /** The talk as a picture. */
  picture: {
    name: 'The talk as a picture',
    lanes: 'Who speaks when',
    moments: 'What happened meanwhile',
    removeMoment: (time: string) => `Take out what happened at ${time}`,
    momentsAt: (n: number, at: string) => `${count(n, { one: 'thing', other: 'things' })} happened at ${at}`,
    link: 'Link',
    question: 'Question',
    answered: 'Answered',
    floor: (name: string) => `${name} leads from here`,
    timer: 'The timer runs',
  },

  chapters: {
    title: 'Chapters',
    start: 'The beginning',
    silence: 'After a pause',
    speaker: (name: string) => `${name} speaks`,
    floor: (name: string) => `${name} leads`,
    question: 'A question',
    rename: 'Name the chapters',
    nameAt: (at: string) => `Chapter at ${at}`,
    hint: 'An empty name is made from who speaks.',
  },

  who: {
    title: 'Who spoke',
    withdrawn: 'has taken their part out',
    gone: 'Somebody who is not shown to you',
    guest: 'guest',
    you: 'you',
    own: 'Only this voice',
    ownOf: (name: string) => `Only this voice: ${name}`,
    withdraw: 'Take my part out',
    withdrawAsk:
      'Everything you say in this replay is deleted for good, also from its clips and its transcript. The others stay. Until it is made anew nobody can hear it.',
    withdrawGuest: 'Take out',
    withdrawGuestOf: (name: string) => `Take out: ${name}`,
    withdrawGuestAsk: (name: string) =>
      `Everything that ${name} says in this replay is deleted for good. Do this when they ask you to.`,
    withdrew: 'It is out. The replay is being made anew.',
  },

  transcript: {
    title: 'Transcript',
    about: 'Made by a program from what each one says, and it makes mistakes.',
    follow: 'Follow along',
    search: 'Find in the transcript',
    found: (n: number) => count(n, { one: 'place', other: 'places' }),
    none: 'This talk has no transcript.',
    edit: 'Mend',
    editOf: (said: string) => `Mend: ${said}`,
    edited: 'mended',
    saved: 'The line is mended.',
    making: 'The transcript is being written.',
    failed: 'The transcript could not be written.',
  },
  quotes: { title: 'Quotes', play: 'Listen', playOf: (said: string) => `Listen: ${said}` },
  questions: { title: 'Questions that were answered', at: (at: string) => `answered at ${at}` },
  links: { title: 'Links' },
  fromInvitation: 'The invitation that led to it',
  fromEvent: 'The event',
  related: 'Related talks',

  /** Sharing. */
  share: {
    act: 'Share',
    copyMoment: (at: string) => `Link to ${at}`,
    copyPage: 'Copy the link',
    copied: 'The link is copied.',
  },

  clips: {
    title: 'Clips',
    make: 'Make a clip',
    short: 'Clip',
    about:
      'Up to a minute of the talk, to share. It goes when the replay goes, or when whoever speaks in it takes their part out.',
    name: 'What is it called',
    from: 'Beginning',
    to: 'End',
    length: (length: string) => `${length} long`,
    listen: 'Listen to it',
    stop: 'Stop',
    cut: 'Make it',
    made: 'The clip is made, and its link is copied.',
    by: (name: string) => `cut by ${name}`,
    open: 'Open the clip',
    remove: 'Delete',
    removeOf: (title: string) => `Delete: ${title}`,
    removeAsk: 'The clip and its page are deleted. The replay stays.',
    removed: 'The clip is deleted.',
    ofTalk: (title: string) => `from “${title}”`,
    whole: 'Hear the whole talk',
    missing: 'This clip is not there, or not for you',
    making: 'The talk is being made anew. The clip can be heard again soon.',
  },

  replies: {
    title: 'Replies',
    none: 'Nobody has replied yet.',
    write: 'Your reply',
    about: 'What you think of it, or what you would add',
    here: (at: string) => `To the moment ${at}`,
    send: 'Reply',
    sent: 'Your reply is there.',
    at: (at: string) => `to ${at}`,
    remove: 'Delete',
    removeOf: (name: string) => `Delete: ${name}`,
    removeAsk: 'The reply is deleted for good.',
    removed: 'The reply is deleted.',
    reportOf: (name: string) => `Report the reply of ${name}`,
    more: 'Earlier replies',
    voice: 'Reply by voice',
    voiceAbout: 'Up to a minute. Nothing is sent before you have heard it and pressed “Send”.',
    record: 'Begin',
    recording: (at: string, most: string) => `${at} of ${most}`,
    stop: 'Done',
    again: 'Once more',
    listen: 'Listen to it',
    sendVoice: 'Send',
    sending: 'Sending…',
    spoken: (name: string, length: string) => `${name} by voice, ${length}`,
    nothing: 'Nothing was heard. Is the right microphone chosen?',
  },

  /** For the host. */
  manage: {
    title: 'This replay',
    edit: 'Change',
    name: 'Title',
    nameLater: 'While the talk goes on, the replay has the title of the room.',
    hearers: 'Open to',
    hearersAbout: 'It can be opened to fewer people than those who spoke agreed to, never to more.',
    narrowed: (links: number) =>
      links === 0
        ? 'From now on only these can hear it.'
        : `From now on only these can hear it, and whoever has ${links === 1 ? 'its link' : `one of its ${links} links`}.`,
    keep: 'Keep it',
    forGood: 'As long as this server keeps replays',
    until: 'Until a day',
    untilDay: 'Deleted after',
    expires: (day: string) => `Deleted on ${day}`,
    links: 'Links for others',
    linksAbout:
      'Whoever has such a link hears the replay, also without an account. Everybody who hears it sees that there are links.',
    linkNote: 'For whom',
    linkNoteHint: 'Only you see this.',
    makeLink: 'Make a link',
    copyLink: 'Copy the link',
    linkMade: 'It is shown once. Copy it now.',
    noLinks: 'There are no links.',
    revoke: 'Revoke',
    revokeOf: (note: string) => `Revoke: ${note}`,
    revoked: 'The link works no more.',
    unnamed: 'A link',
    remove: 'Delete the replay',
    removeAsk:
      'The recording is deleted for good, with its clips, replies and transcript, for everybody. This cannot be taken back.',
    removed: 'The replay is deleted.',
    saved: 'Saved.',
  },

  /** Everything that was recorded of the member. */
  own: {
    title: 'Recordings of me',
    about:
      'Every recorded talk in which you agreed to be recorded. You can take your part out of each of them, at any time.',
    none: 'Nothing of what you said was recorded.',
    hidden: 'A talk that you cannot hear any more',
    withdrawn: (day: string) => `taken out on ${day}`,
    withdraw: 'Take out',
    withdrawOf: (title: string) => `Take out: ${title}`,
  },

  report: 'Report',
  reportReplay: 'Report this replay',
  reportAt: (at: string) => `It says that you were at ${at} in it.`,
  reportClip: 'Report this clip',

  /** For those who run the place. */
  admin: {
    days: 'Replays are kept for so many days',
    daysHint:
      'Empty keeps them for good. A host can end one sooner. Those that are older go soon after you save.',
  },
};
