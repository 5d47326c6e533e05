/** Guests: the page behind their link, the green room, and what moderators do about them; calling somebody up. */

import type { GuestState } from '$lib/api/guests';
import { count } from './numbers';

const states: Record<GuestState, string> = {
  unused: 'has not opened the link yet',
  taken: 'has opened the link',
  waiting: 'waits to be let in',
  inside: 'is in the room',
};

const length = (minutes: number): string =>
  minutes < 60
    ? count(minutes, { one: 'minute', other: 'minutes' })
    : count(minutes / 60, { one: 'hour', other: 'hours' });

export const guests = {
  /** The page that a link opens. */
  invites: (name: string) => `${name} invites you to talk`,
  officeInvites: (name: string) => `The office of ${name} invites you to talk`,
  live: 'Live now',
  asName: (name: string) => `You come as ${name}`,
  asGuest: (by: string) => `People see “guest of ${by}” under your name.`,
  untilMoment: (moment: string) => `The link is for you alone, and good until ${moment}.`,
  once: 'It works once, in the browser in which you ask to come in. You need no account.',
  rules: 'The rules of this room',
  soundTitle: 'Check your sound first',
  soundAbout: 'Nobody hears you here. You come in with your microphone off.',
  ask: 'Ask to come in',
  asking: 'Asking…',
  looking: 'Looking at the link…',

  member: {
    title: (name: string) => `You are signed in as ${name}`,
    about:
      'This link is for a guest without an account. You need none: come in as yourself. The link stays unused.',
    enter: 'Enter the room as yourself',
    closed:
      'This link is for somebody without an account, and the room is not open to you. The link stays unused: it still works for the guest it was made for.',
    closedAbout: (by: string) => `${by} made the link, and can tell you more.`,
    toHallway: 'Go to the hallway',
  },

  green: {
    title: 'You are in the green room',
    about: (by: string) =>
      `The moderators of the room know that you are here. One of them lets you in; ${by} vouches for you.`,
    quiet: 'Nobody hears you, and you do not hear the room yet.',
    lost: 'The connection is lost. Asking again by itself.',
    letIn: 'You are in the room now. Your microphone is off until you press it.',
    leave: 'Leave',
  },

  /** The pages at the end. */
  over: {
    turned_away: {
      title: 'Not this time',
      about: 'A moderator did not let you in. Whoever gave you the link can tell you more.',
    },
    pass_ended: { title: 'Your pass has ended', about: 'Thank you for having been here.' },
    room_ended: { title: 'The room has ended', about: 'Thank you for having been here.' },
    removed: {
      title: 'A moderator has put you out of the room',
      about: 'If that was a mistake, ask whoever invited you.',
    },
    left: { title: 'You have left', about: 'The talk goes on. You can come back while your pass lasts.' },
    replaced: {
      title: 'You are listening on another page',
      about: 'The room plays in one place at a time, and the newest one wins.',
    },
    other: { title: 'You are not in the room any more', about: 'You can try once more.' },
    again: 'Come back in',
    done: 'I am done: end my pass',
    ended: 'Your pass has ended.',
  },
  gone: {
    title: 'This link is not good any more',
    about:
      'It may have been used, or its time is over, or the room has ended. Ask for a new one where you got it.',
  },

  /** What was recorded of a guest, who has no account to find it in. */
  recorded: {
    title: 'What was recorded of you',
    about:
      'You agreed to be recorded here. As long as there is the recording, this link leads you to it, and you can take your part out at any time.',
    keep: 'You have no account here, so keep the link by which you came: with it you find the replay later, and take your part out.',
  },

  /** What moderators see. */
  title: 'Guests',
  lead: 'Somebody without an account can speak here by a link of yours. They wait until a moderator lets them in.',
  wait: (n: number) => count(n, { one: 'guest waits', other: 'guests wait' }),
  waits: (name: string) => `${name} waits to come in`,
  guestOf: (by: string) => `guest of ${by}`,
  byOffice: (by: string, delegate: string | null) =>
    delegate === null
      ? `the office of ${by} made the link`
      : `the office of ${by} (${delegate}) made the link`,
  letIn: 'Let in',
  letInOf: (name: string) => `Let in: ${name}`,
  turnAway: 'Not now',
  turnAwayOf: (name: string) => `Not now: ${name}`,
  make: 'Invite a guest',
  form: {
    name: 'Their name',
    nameAbout: 'As people in the room see it. It cannot be changed by the guest.',
    length: 'How long the link lasts',
    lengths: length,
    context: 'What it is about, if you like',
    contextAbout: 'The guest reads it before coming in.',
    submit: 'Make the link',
    making: 'Making it…',
  },
  made: {
    title: (name: string) => `The link for ${name}`,
    about:
      'Send it to them, and to nobody else: it lets one person ask to come in, once. It is shown only now.',
    link: 'The link',
    copy: 'Copy the link',
    copied: 'The link is copied.',
    share: 'Share…',
    qr: 'The link as a QR code',
    until: (moment: string) => `Good until ${moment}.`,
    done: 'Done',
  },
  passes: 'Links of this room',
  none: 'Nobody has been invited as a guest.',
  states,
  stateUntil: (state: string, until: string) => `${state} · until ${until}`,
  revoke: 'Take it back',
  revokeOf: (name: string) => `Take it back: the link of ${name}`,
  revoked: (name: string) => `The link of ${name} is good no more.`,
  news: (name: string) => `${name} waits to come in as a guest.`,
};

export const callUp = {
  /** Ringing somebody. */
  title: 'Call somebody up',
  about:
    'It rings wherever they are in this place. They check their sound first, and come on stage when they want to.',
  find: 'Whom?',
  findHint: 'A name or a handle',
  nobody: 'Nobody found by that name.',
  hereAlready: 'in the room already',
  rungAlready: 'is being called',
  choose: (name: string) => `Call ${name}`,
  other: 'Somebody else',
  context: 'What it is about, if you like',
  contextHint: 'They read it while it rings.',
  send: (name: string) => `Call ${name} up`,
  sent: (name: string) => `Calling ${name}.`,
  open: 'Being called now',
  until: (clock: string) => `until ${clock}`,
  withdraw: 'Stop calling',
  withdrawOf: (name: string) => `Stop calling ${name}`,
  locked: 'The stage is locked. Unlock it to call somebody up.',
  declined: (name: string) => `${name} cannot come up now.`,
  expired: (name: string) => `${name} does not answer.`,

  /** Being rung. */
  rings: (name: string) => `${name} calls you up`,
  into: 'to the stage of',
  ringAbout: 'You check your sound first. Nobody hears you before you open your microphone on stage.',
  leaves: 'You leave the room you are in.',
  green: 'To the green room',
  decline: 'Not now',
  greenTitle: 'The green room',
  greenAbout: 'Only you hear this. Come in when you are ready.',
  enter: 'Go on stage',
  missed: (name: string, title: string) => `${name} called you up to “${title}”. You find it in your inbox.`,
  over: (name: string, title: string) => `${name} calls you up to “${title}” no more.`,
};
