/** What goes on around the talk: reactions, the backchannel, captions, links, the timer, keys, the sound's state. */

import type { Reaction } from '$lib/protocol/types';
import { count, figures } from './numbers';

const reactions: Record<Reaction, string> = {
  applause: 'Applause',
  heart: 'Heart',
  laugh: 'Laughter',
  agree: 'Agreement',
  surprise: 'Surprise',
};

export const around = {
  bar: 'Around the talk',
  reactions,
  /** Reactions of everybody, summed up. */
  counted: {
    applause: (n: number) => count(n, { one: 'clap', other: 'claps' }),
    heart: (n: number) => count(n, { one: 'heart', other: 'hearts' }),
    laugh: (n: number) => count(n, { one: 'laugh', other: 'laughs' }),
    agree: (n: number) => count(n, { one: 'agreement', other: 'agreements' }),
    surprise: (n: number) => count(n, { one: 'surprise', other: 'surprises' }),
  } satisfies Record<Reaction, (n: number) => string>,
  clapped: 'Your applause was sent.',

  lines: {
    title: 'Backchannel',
    open: (unread: number) => `Backchannel, ${figures(unread)} unread`,
    log: 'Lines in the backchannel',
    empty: 'Nothing has been written yet. What you write here everybody in the room can read.',
    off: 'The backchannel is off. A moderator can switch it on.',
    write: 'Write to the room',
    send: 'Send',
    slow: (seconds: number) => `Slow mode: you can write again in ${figures(seconds)} s`,
    slowRule: (seconds: number) => `Slow mode: one line in ${figures(seconds)} s`,
    remove: (name: string) => `Remove the line by ${name}`,
    readOut: 'Read new lines out',
    left: (n: number) => count(n, { one: 'character left', other: 'characters left' }),
  },

  captions: {
    title: 'Captions',
    switch: 'Show captions',
    about:
      'They appear when somebody on stage, or a caption service that moderates the room, sends them. They are not kept.',
    region: 'What is being said',
    mine: 'Caption what I say',
    mineAbout:
      'Your browser turns your words into text. Its maker may get the sound of your microphone to do so.',
    mineNone: 'This browser cannot turn speech into text.',
    mineStopped: 'Captioning what you say has stopped: the browser did not allow it or lost its service.',
  },

  links: {
    title: 'Pinned links',
    none: 'No links are pinned.',
    address: 'Address',
    addressHint: 'Begins with https://',
    label: 'What it is',
    pin: 'Pin the link',
    unpin: (label: string) => `Unpin ${label}`,
    full: 'Ten links are pinned, and no more fit. Unpin one first.',
    opens: 'opens a new tab',
  },

  timer: {
    title: 'Room timer',
    name: 'Time left',
    about: 'Everybody in the room sees it count down.',
    minutes: (n: number) => count(n, { one: 'minute', other: 'minutes' }),
    clear: 'Take the timer away',
    minute: 'One minute left on the room’s timer.',
    over: 'Time is up on the room’s timer.',
    ended: 'Time is up',
  },

  music: {
    switch: 'Music mode',
    about:
      'Sends your microphone as it is: no echo cancellation, noise suppression or automatic volume. Wear headphones.',
  },

  keys: {
    title: 'Keyboard shortcuts',
    on: 'Use shortcuts',
    onAbout: 'They never act while you type.',
    talkKey: 'Push to talk',
    talkKeyAbout: 'Hold the space bar to speak; the microphone closes when you let go.',
    mute: 'Microphone on or off',
    hold: 'Hold to speak',
    hand: 'Raise or lower your hand',
    leave: 'Leave quietly',
    lines: 'Open or close the backchannel',
    react: 'React',
    help: 'Show this list',
    space: 'Space',
  },

  sound: {
    title: 'Is the sound all right?',
    looking: 'Looking…',
    copy: 'Copy as text',
    copied: 'Copied.',
    notCopied: 'The browser did not allow copying.',
    devices: 'Your microphone and loudspeaker',
    figures: 'Figures',
    verdicts: {
      good: 'The sound comes through well.',
      none: 'No sound arrives just now. If people are talking, check the connection; it is tried again by itself.',
      loss: 'Some of the sound is lost on the way. Moving closer to the Wi-Fi, or using a cable, helps most.',
      jitter: 'The network is uneven, so voices may stutter. Stop large downloads, or try another network.',
      slow: 'The way to the server is long, so answers come late. Another network, or no VPN, may be faster.',
      tcp: 'This network blocks the direct way for sound, so a slower one is used. Another network may be better.',
      blocked: 'The browser waits for a press before it plays. Press “Let the sound in”.',
    },
    rows: {
      transport: 'Way to the server',
      rtt: 'There and back',
      lossIn: 'Lost on the way to you',
      concealed: 'Filled in by the browser',
      jitter: 'Unevenness',
      lossOut: 'Lost on the way from you',
      connection: 'Room connection',
    },
    plain: {
      switch: 'Plain stream',
      about:
        'For listening with the screen locked where the sound stops otherwise: about five seconds later, all voices in one, ' +
        'without the rings that show who speaks. On stage the sound is always live. Remembered on this device.',
      on: 'You hear the plain stream, about five seconds later.',
      itself: 'You hear the plain stream while this page is in the background.',
    },
    quality: {
      good: 'The network is good',
      fair: 'The network is uneven',
      weak: 'The network is weak',
      none: 'No connection',
    },
    unknown: 'not known',
    ms: (n: number) => `${figures(n)} ms`,
    percent: (share: string) => `${share} %`,
  },
};
