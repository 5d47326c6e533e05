/**
 * Every word that the pages say, in English. Another language is another object of the type `Texts`.
 * Plain, short, warm; no exclamation marks; say what happened, what is kept, and what to do.
 */

import type { Role, RoomKind } from '$lib/protocol/types';
import { numbersIn } from './plural';

const { count, figures } = numbersIn('en');

const ERRORS: Record<string, string> = {
  unreachable: 'The server cannot be reached just now. Nothing is lost; try again in a moment.',
  bad_request: 'The server did not understand this page. Reloading it may help.',
  not_signed_in: 'You are signed out. Open an invite link to come in.',
  cross_site: 'The server refused this because it did not come from its own page.',
  not_allowed: 'Your role in this room does not allow that.',
  not_on_stage: 'That is for people on stage.',
  muted_by_moderator: 'A moderator has muted you. They can lift it.',
  not_found: 'There is nothing at this address.',
  invite_not_found: 'This invite has been used or is no longer valid.',
  member_not_found: 'There is no member with that handle.',
  room_not_found: 'There is no such room, or it is not open to you.',
  room_ended: 'This room has ended.',
  handle_taken: 'Somebody has this handle already.',
  not_in_room: 'You are not in the room any more.',
  stale_role: 'Your role changed a moment ago. Try again.',
  no_such_participant: 'They are not in the room any more.',
  target_protected: 'Nobody can do that to the host.',
  already_on_stage: 'They are on stage already.',
  hand_already_up: 'Your hand is up already.',
  no_hand: 'That hand is no longer up.',
  no_offer: 'That invitation is no longer open.',
  offer_already_open: 'They have been asked already.',
  nothing_to_change: 'It was so already.',
  stage_full: 'The stage is full. Somebody has to step down first.',
  too_large: 'That is too long.',
  invalid_handle: 'A handle has 2 to 30 letters a to z, digits or _, and begins with a letter.',
  invalid_name: 'A name has 1 to 60 characters.',
  invalid_language: 'The server does not know this language.',
  invalid_title: 'This title cannot be used. Try another.',
  invalid_question: 'A question has at most 280 characters.',
  no_common_codec: 'This browser cannot play the sound of this room.',
  rate_limited: 'That was a lot at once. Try again in a little while.',
  server_full: 'This server is full right now. It lets people in again as soon as there is room.',
  busy: 'The server is busy. Try again in a moment.',
  internal: 'Something went wrong on the server. Nothing of yours is lost; try again.',
};

const KINDS: Record<RoomKind, { name: string; about: string }> = {
  open: { name: 'Open', about: 'Any member can come in' },
  social: { name: 'Social', about: 'People whom the moderators follow' },
  closed: { name: 'Closed', about: 'Only people you name' },
};

const ROLES: Record<Role, string> = {
  host: 'host',
  moderator: 'moderator',
  speaker: 'on stage',
  listener: 'listening',
};

const by = (name: string | null, act: string, passive: string) => (name ? `${name} ${act}` : passive);

export const en = {
  name: 'Roomtone',
  figures,
  error: (code: string) => ERRORS[code] ?? `That did not work (${code}). Try again.`,
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back',
  tryAgain: 'Try again',
  skip: 'Skip to the room',

  welcome: {
    title: 'A voice-only place, by invitation',
    lines: [
      'Rooms where people talk, and others listen or raise a hand.',
      'Everybody here was let in by somebody who knows them.',
      'To come in, ask a member for an invite link and open it in this browser.',
    ],
    back: 'Been here before? Open it in the browser you used then.',
  },

  join: {
    invites: (name: string) => `${name} invites you`,
    invited: 'You are invited',
    owner: 'This place is yours',
    ownerAbout: 'You are the first here, and the one who runs it.',
    about: (server: string) => `to ${server}: rooms where people talk, by voice only.`,
    name: 'Your name',
    nameHint: 'As people know you',
    handle: 'Your handle',
    handleHint: 'Letters a to z, digits and _',
    submit: 'Come in',
    submitting: 'Coming in…',
    once: 'The link works once. You stay signed in on this browser.',
    already: (name: string) => `You are in already, as ${name}.`,
    alreadyKeep: 'The invite stays unused: pass it on.',
    toHallway: 'Go to the hallway',
    gone: 'This invite has been used or is no longer valid',
    goneAbout:
      'Each link lets one person in, once. Ask the person who gave it to you for another; it takes them a moment.',
  },

  hallway: {
    title: 'Hallway',
    live: 'Live now',
    people: 'People you follow',
    inRoom: 'live',
    empty: 'It is quiet now',
    emptyAbout: 'No room is open. Start one and people will find you here.',
    start: 'Start a room',
    onStage: (n: number) => `${figures(n)} on stage`,
    listening: (n: number) => `${figures(n)} listening`,
    here: 'You are here',
    stale: 'The hallway cannot be refreshed just now. It tries again by itself.',
    pick: 'Come in and listen',
    talking: (who: string, n: number) => `${who} ${n === 1 ? 'is' : 'are'} on stage`,
    pickAbout: 'You come in as a listener: nobody hears you until you are on stage and open your microphone.',
    pickNone: 'The stage is free',
    pickNoneAbout: 'Open a room and begin. Whoever comes by sees it here at once.',
    inside: 'You are listening to',
    insideBack: 'Back to the room',
    me: 'You and your settings',
  },

  start: {
    title: 'Start a room',
    name: 'What is it about?',
    namePlaceholder: 'Rust and other pastimes',
    kind: 'Who may come in?',
    named: 'Who?',
    namedHint: 'Handles, with commas or spaces between them',
    language: 'Language',
    create: 'Open the room',
    creating: 'Opening…',
    opensWith: 'You will be on stage, with your microphone off.',
  },

  kinds: KINDS,
  roles: ROLES,

  room: {
    opened: (kind: RoomKind) => KINDS[kind].name.toLowerCase(),
    stage: 'On stage',
    stageEmpty: 'Nobody is on stage',
    audience: 'Audience',
    audienceEmpty: 'Nobody is listening yet. People find the room in the hallway.',
    everybody: 'See everybody',
    more: 'Show more',
    you: 'you',
    minimise: 'Back to the hallway, keep listening',
    leave: 'Leave quietly',
    hand: 'Raise hand',
    handUp: 'Hand is up',
    handUpAbout: 'Press again to lower it',
    hands: (n: number) => (n === 0 ? 'Hands' : count(n, { one: 'hand', other: 'hands' })),
    handsTitle: 'Raised hands',
    handsEmpty: 'No hands are up. When a listener raises one, it appears here with their question.',
    accept: 'Bring on stage',
    notNow: 'Not now',
    mic: { closed: 'Mic off', asking: 'Asking…', open: 'Mic on', muted: 'Muted' },
    micName: 'Microphone',
    micHint: 'You are on stage with your microphone off. Press it when you want to talk.',
    mutedHint: 'A moderator has muted you.',
    menu: 'More',
    unlock: 'Let the sound in',
    unlockAbout: 'Your browser waits for a press before it plays.',
    quiet: 'quiet just now',
    mutedBadge: 'muted by a moderator',
    micOffBadge: 'microphone off',
    away: 'reconnecting',
    soundTrying: 'The sound is not coming through; trying again.',
  },

  ask: {
    title: 'Raise your hand',
    about: 'The moderators see it and may bring you on stage. Your microphone stays off until you open it.',
    question: 'Your question, if you like',
    placeholder: 'What would you like to say or ask?',
    send: 'Raise hand',
    left: (n: number) => count(n, { one: 'character left', other: 'characters left' }),
  },

  offer: {
    title: (name: string) => `${name} invites you to speak`,
    about: 'You would be on stage, with your microphone off until you press it.',
    level: 'Your microphone',
    levelTry: 'Say something: the bars move when we hear you. Nobody else does yet.',
    accept: 'Come on stage',
    decline: 'Stay in the audience',
  },

  person: {
    follow: 'Follow',
    unfollow: 'Following',
    actions: {
      accept_hand: 'Bring on stage',
      offer: 'Invite to speak',
      withdraw_offer: 'Take the invitation back',
      mute: 'Mute',
      unmute: 'Lift the mute',
      move: 'Move to the audience',
      make_moderator: 'Make moderator',
      hand_over: 'Hand the room over',
      remove: 'Remove from the room',
      step_down: 'Step down to the audience',
      lower_hand: 'Lower my hand',
    },
    asked: 'Has been invited to speak',
    handUp: 'has a hand up',
  },

  menu: {
    title: 'This room',
    sound: 'Sound and devices',
    open: 'What others can do with sound',
    end: 'End the room',
    endAsk: 'The room ends for everybody in it.',
    endSure: 'End it for everybody',
    stepDown: 'Step down to the audience',
    theme: 'Theme',
  },

  themes: { system: 'As the system', light: 'Light', dark: 'Dark' },

  sound: {
    title: 'Sound and devices',
    input: 'Microphone',
    output: 'Loudspeaker',
    system: 'As the system',
    unnamed: (n: number) => `Device ${n}`,
    check: 'Check my microphone',
    stop: 'Stop',
    speak: 'Say something: the bars should move.',
    record: 'Hear yourself',
    recording: 'Listening for three seconds…',
    playing: 'This is how you sound…',
    tone: 'Play a test sound',
    outputFixed: 'This browser plays on the system’s loudspeaker.',
  },

  said: {
    title: 'What others can do with sound',
    lines: [
      'Roomtone itself records nothing now, and shows it to everybody in the room whenever it does.',
      'A listener can always record with another device. Nothing can prevent that.',
      'Whoever operates this server could listen to a room, because rooms are not end-to-end encrypted yet.',
      'Between you and the server the sound is encrypted. Only people on stage with an open microphone are passed on.',
    ],
  },

  over: {
    left: { title: 'You have left', about: '' },
    replaced: {
      title: 'You are listening on another device',
      about: 'A room plays in one place at a time, and the newest one wins.',
      again: 'Listen here',
    },
    elsewhere: {
      title: 'You went to another room',
      about: 'You can hear one room at a time.',
      again: 'Come back here',
    },
    removed: {
      title: 'A moderator removed you from this room',
      about: 'The other rooms are open to you as before.',
    },
    room_ended: { title: 'The room has ended', about: 'Thank you for being there.' },
    session_ended: {
      title: 'You are signed out',
      about: 'This browser was signed out. Open an invite link to come in.',
    },
    signed_out: {
      title: 'You are signed out',
      about: 'This browser was signed out. Open an invite link to come in.',
    },
    not_found: { title: 'There is no such room', about: 'It may have ended, or it is not open to you.' },
    toHallway: 'Go to the hallway',
  },

  connection: {
    connecting: 'Coming in…',
    connected: 'Connected',
    reconnecting: 'The connection is lost. Coming back by itself; your place is kept.',
    full: 'This server is full right now. Trying again by itself.',
    over: 'Left',
  },

  full: {
    title: 'This server is full right now',
    about:
      'Everybody inside keeps their place. You come in by yourself as soon as there is room; keep this page open.',
    next: (seconds: number) => (seconds > 0 ? `Trying again in ${figures(seconds)} s` : 'Trying now…'),
    now: 'Try now',
  },

  player: {
    label: 'The room you are in',
    open: 'Back to the room:',
  },

  me: {
    title: 'You',
    sponsor: (name: string) => `${name} invited you`,
    owner: 'You run this place',
    following: 'You follow',
    followingNone: 'Nobody yet. Press a face in a room to follow somebody.',
    signOut: 'Sign out',
    signOutAsk: 'You have no other way in yet: after signing out you need a new invite.',
    signOutSure: 'Sign out anyway',
  },

  news: {
    invited: (name: string) => `${name} invites you to speak.`,
    invitation_withdrawn: 'The invitation to speak was taken back.',
    muted: (name: string | null) =>
      `${by(name, 'muted you', 'A moderator muted you')}. Your microphone is off and cannot be opened.`,
    unmuted: (name: string | null) =>
      `${by(name, 'lifted your mute', 'Your mute was lifted')}. Your microphone stays off until you press it.`,
    on_stage: (name: string | null) =>
      `${by(name, 'brought you on stage', 'You are on stage')}. Your microphone is off until you press it.`,
    moved_to_audience: (name: string | null) =>
      `${by(name, 'moved you to the audience', 'You were moved to the audience')}. Your microphone is off.`,
    made_moderator: (name: string | null) =>
      `${by(name, 'made you a moderator', 'You are a moderator now')}.`,
    made_host: (name: string | null) => `${by(name, 'handed the room to you', 'You are the host now')}.`,
    hand_declined: 'Not now: a moderator lowered your hand. You can raise it again later.',
    hand_raised: (name: string) => `${name} raised a hand.`,
    new_host: (name: string) => `${name} is the host now.`,
  },

  microphone: {
    NotAllowedError:
      'The browser did not allow the microphone. You can allow it in the address bar and press again.',
    NotFoundError: 'No microphone was found. Connect one and press again.',
    NotReadableError: 'The microphone is gone or in use by another program. Choose another, or press again.',
    SecurityError: 'Browsers give a microphone only to secure pages. Open this place by https.',
    other: 'The microphone could not be opened. Choose another, or press again.',
  },

  page: {
    lost: 'There is nothing here',
    lostAbout: 'The address may be mistyped, or the room has ended.',
    failed: 'Something went wrong',
  },
};

export type Texts = typeof en;

/** The texts in use. */
export const text: Texts = en;

/** Names in a sentence, with how many more there are. */
export function names(shown: string[], total: number): string {
  const more = total - shown.length;
  const parts = more > 0 ? [...shown, `${figures(more)} more`] : shown;
  if (parts.length < 2) return parts[0] ?? '';
  return `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}

/** Names on a card, with how many more there are: "Ada, Ben +3". */
export function roll(shown: string[], total: number): string {
  const more = total - shown.length;
  return shown.join(', ') + (more > 0 ? ` +${figures(more)}` : '');
}

/** What the microphone's failure means, by the name of the browser's exception. */
export function microphoneTrouble(error: unknown): string {
  const name = error instanceof DOMException ? error.name : 'other';
  const known = text.microphone as Record<string, string>;
  return known[name] ?? text.microphone.other;
}
