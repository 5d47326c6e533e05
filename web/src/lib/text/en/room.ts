/** A room, from coming in to leaving. */

import type { Role, RoomKind } from '$lib/protocol/types';
import { count, figures } from './numbers';
import { terms } from './terms';

const kinds: Record<RoomKind, { name: string; about: string }> = {
  open: { name: 'Open', about: 'Any member can come in' },
  social: { name: 'Social', about: 'People whom the moderators follow' },
  closed: { name: 'Closed', about: 'Only people you name' },
};

const roles: Record<Role, string> = {
  host: 'host',
  moderator: 'moderator',
  speaker: 'on stage',
  listener: 'listening',
};

const by = (name: string | null, act: string, passive: string) => (name ? `${name} ${act}` : passive);

export const room = {
  kinds,
  roles,

  room: {
    opened: (kind: RoomKind) => kinds[kind].name.toLowerCase(),
    stage: 'On stage',
    stageEmpty: 'Nobody is on stage',
    followed: 'Followed by the speakers',
    audience: 'Audience',
    audienceEmpty: 'Nobody is listening yet. People find the room in the hallway.',
    everybody: 'See everybody',
    more: 'Show more',
    you: 'you',
    minimise: 'Back to the hallway, keep listening',
    leave: 'Leave quietly',
    hand: 'Raise hand',
    handsOff: 'Hands are off',
    handsOffAbout: 'A moderator has switched hands off for now.',
    lockedAbout: 'The stage is locked: nobody can be brought on it.',
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
    heldAbout: 'You have paused the sound.',
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

  ping: {
    title: 'Ping people in',
    find: 'Find among those you follow and those who follow you',
    send: 'Ask them in',
    asked: 'asked',
    done: (n: number) =>
      count(n, {
        one: 'person is asked in, if they may come',
        other: 'people are asked in, if they may come',
      }),
    most: (n: number) => `At most ${figures(n)} at once.`,
    nobody: 'Nobody you follow, or who follows you, is outside this room.',
    nobodyFound: 'Nobody of that name.',
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
    volume: {
      label: (name: string) => `How loud ${name} is for you`,
      about: 'Only on this device. The others hear no difference.',
      silent: 'silent',
      unheard: 'silent for you',
      percent: (n: number) => `${n} %`,
    },
    follow: 'Follow',
    unfollow: 'Following',
    actions: {
      accept_hand: 'Bring on stage',
      offer: 'Invite to speak',
      withdraw_offer: 'Take the invitation back',
      mute: 'Mute',
      unmute: 'Lift the mute',
      move: 'Move to the audience',
      lead: 'Hand over the interview',
      lead_no_more: 'End leading the interview',
      make_moderator: 'Make moderator',
      take_moderator: 'Take moderating back',
      hand_over: 'Hand the room over',
      remove: 'Remove from the room',
      ban: 'Ban from this room',
      step_down: 'Step down to the audience',
      lower_hand: 'Lower my hand',
    },
    obstacles: {
      stage_locked: 'The stage is locked.',
      not_named: terms.notNamed,
      no_guest_place: terms.noPlace,
    },
    asked: 'Has been invited to speak',
    handUp: 'has a hand up',
  },

  run: {
    title: 'Run the room',
    leads: 'leads the interview',
    guestOf: (name: string) => `guest of ${name}`,
    unheard: 'Has not spoken yet',
    find: 'Find by name or handle',
    order: (name: string) => `Order of the hands: ${name}`,
    toTop: 'To the top',
    up: 'Move up',
    down: 'Move down',
    hands: 'Who may raise a hand',
    rules: { off: 'Nobody', everyone: 'Everybody', followed: 'People whom somebody on stage follows' },
    lock: 'Lock the stage',
    lockAbout: 'Nobody comes on stage, whatever was asked or offered before.',
    lines: 'Backchannel',
    linesAbout: 'People write beside the talk.',
    slow: 'One line of each person every',
    slows: (seconds: number) =>
      seconds === 0 ? 'no wait' : seconds < 60 ? `${figures(seconds)} s` : `${figures(seconds / 60)} min`,
    widen: {
      title: 'Let more people in',
      about: 'A room can be widened and not narrowed again.',
      social: 'Open it to people whom the moderators follow',
      open: 'Open it to every member',
    },
    describe: {
      title: 'Title, topics and language',
      save: 'Save',
      saved: 'Saved.',
    },
    gone: {
      title: 'Ban somebody who has left',
      about: 'Who left while you were in the room, the last first. Everybody else you find by name.',
      find: 'Find a member',
      findHint: 'A name or a handle',
      nobody: 'Nobody found by that name.',
      ban: 'Ban',
      banOf: (name: string) => `Ban ${name}`,
    },
    bans: {
      title: 'Banned from this room',
      nobody: 'Nobody is banned from this room.',
      letIn: 'Let in again',
      letInOf: (name: string) => `Let in again: ${name}`,
      done: (name: string) => `${name} may come in again.`,
    },
    ban: {
      title: (name: string) => `Ban ${name}?`,
      about: 'They leave the room and cannot come back until a moderator lets them in again, or it ends.',
      reason: 'Why, if you like',
      reasonAbout: 'Moderators of this room see it.',
      sure: 'Ban from this room',
      done: (name: string) => `${name} is banned from this room.`,
    },
  },

  menu: {
    title: 'This room',
    sound: 'Sound and devices',
    open: 'What others can do with sound',
    copyLink: 'Copy the link to this room',
    linkCopied: 'The link is copied.',
    report: 'Report somebody',
    end: 'End the room',
    endAsk: 'The room ends for everybody in it.',
    endSure: 'End it for everybody',
    alone: 'You are alone on stage',
    aloneAbout:
      'If you leave, the room ends for everybody in it. To let it go on, bring somebody on stage first: whoever is there has it then.',
    stepDown: 'Step down to the audience',
    theme: 'Theme',
  },

  over: {
    left: { title: 'You have left', about: 'The talk goes on. Come back whenever you like.' },
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
    banned: {
      title: 'You were banned from this room',
      about: 'A moderator keeps you out until it ends. The other rooms are open to you as before.',
    },
    turned_away: { title: 'You were not let in', about: 'A moderator decided so.' },
    pass_ended: { title: 'Your guest link has ended', about: 'Thank you for being there.' },
    room_ended: { title: 'The room has ended', about: 'Thank you for being there.' },
    session_ended: {
      title: 'You are signed out',
      about: 'This browser was signed out. Sign in again to come back.',
    },
    signed_out: {
      title: 'You are signed out',
      about: 'This browser was signed out. Sign in again to come back.',
    },
    not_found: { title: 'There is no such room', about: 'It may have ended, or it is not open to you.' },
    house_rules: {
      title: 'This room belongs to a house',
      about: 'It is for members of the house who have accepted its rules.',
    },
    toHouse: 'See the house',
    report: 'Report somebody from this room',
    appeal: 'Appeal against it',
    toHallway: 'Go to the hallway',
  },

  connection: {
    connecting: 'Coming in…',
    connected: 'Connected',
    waiting: 'Waiting to be let in',
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
    stage_joined: (name: string) => `${name} is on stage now.`,
    stage_left: (name: string) => `${name} has left the stage.`,
    moderator_taken: (name: string | null) =>
      `${by(name, 'took moderating from you', 'You are no moderator any more')}. You stay on stage.`,
    stage_locked: 'The stage is locked: nobody else comes on it for now.',
    stage_unlocked: 'The stage is open again.',
    hands_ruled: {
      off: 'Hands are off: nobody can raise one for now.',
      everyone: 'Everybody can raise a hand now.',
      followed: 'People whom somebody on stage follows can raise a hand now.',
    },
    lines_on: 'The backchannel is open now.',
    lines_off: 'The backchannel is off now.',
    lines_slow: (seconds: number) =>
      seconds > 0 ? `Slow mode: one line in ${figures(seconds)} s.` : 'Slow mode is off.',
    timer_set: (clock: string) => `A timer runs until ${clock}.`,
    timer_off: 'The timer was switched off.',
    link_pinned: (what: string) => `A link was pinned: ${what}.`,
    widened: {
      open: 'The room is open to every member now.',
      social: 'The room is open to people whom the moderators follow now.',
      closed: 'The room is closed now.',
    },
    renamed_room: (title: string) => `The room is called “${title}” now.`,
    you_lead: 'You lead the interview now.',
    leads: (name: string) => `${name} leads the interview now.`,
    banned: (name: string) => `${name} was banned from the room.`,
    guest_waits: (name: string) => `${name} waits to come in as a guest.`,
    call_declined: (name: string) => `${name} cannot come up now.`,
    call_expired: (name: string) => `${name} does not answer the call.`,
  },
};
