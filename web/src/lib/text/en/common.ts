/** What many pages say. */

import { figures } from './numbers';

export const common = {
  name: 'Roomtone',
  figures,
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back',
  tryAgain: 'Try again',
  save: 'Save',
  saving: 'Saving…',
  saved: 'Saved.',
  copy: 'Copy',
  copied: 'Copied.',
  skip: 'Skip to the main part',
  language: 'Language',

  /** How names stand in a sentence: "Ada, Ben and 3 more". */
  list: {
    and: 'and',
    more: (n: number) => `${figures(n)} more`,
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

  page: {
    lost: 'There is nothing here',
    lostAbout: 'The address may be mistyped, or the room has ended.',
    failed: 'Something went wrong',
  },
};
