/** Invites: making, sharing and revoking them, the waitlist. */

import { count } from './numbers';

const invitesOf = (n: number) => count(n, { one: 'invite', other: 'invites' });

export const invites = {
  title: 'Invites',
  left: (n: number) => `You have ${invitesOf(n)} left`,
  any: 'You can invite as many people as you like',
  none: 'You have no invites left',
  about:
    'Whoever you let in shows you as their sponsor. You get another invite for each guest who takes part on three days.',
  earned: (n: number) => `${invitesOf(n)} earned so far`,
  make: 'Make an invite',
  note: 'A word to your guest',
  noteHint: 'They read it when they open the link',
  days: 'Works for',
  daysOf: (n: number) => count(n, { one: 'day', other: 'days' }),
  submit: 'Make the link',
  made: 'Your invite',
  madeAbout: 'The link lets one person in, once. It is shown only now, so pass it on or keep it.',
  until: (day: string) => `Works until ${day}`,
  qr: 'The link as a QR code, to be scanned with a phone',
  copy: 'Copy the link',
  copied: 'Copied.',
  share: 'Share',
  shareText: (server: string) => `Come and talk with me on ${server}`,
  list: 'Those you made',
  listNone: 'You have not invited anybody yet.',
  states: { open: 'Waiting to be used', used: 'Used', expired: 'Expired', revoked: 'Taken back' },
  cameIn: (name: string) => `${name} came in`,
  gone: 'Somebody came in who has left since',
  waitingFor: (handle: string) => `For @${handle} from the waiting list, who has not come yet`,
  revoke: 'Take back',
  revokeOf: (note: string) => `Take back the invite: ${note}`,
  revoked: 'Taken back. You have one more invite again.',
  wave: {
    title: 'Somebody you know is waiting',
    about: 'If they told you the handle they reserved, you can wave them in. It takes one of your invites.',
    handle: 'Their handle',
    find: 'Look',
    submit: 'Wave in',
    done: (name: string) => `${name} can come in now.`,
    already: 'Somebody has waved them in already.',
  },
  waitlist: {
    title: 'Reserve your handle',
    about:
      'Everybody here was let in by somebody. Tell a member who knows you the handle you reserve, and they can wave you in.',
    off: 'This server has no waiting list',
    offAbout: 'To come in, ask a member for an invite link.',
    note: 'Who are you, and who knows you here?',
    submit: 'Wait for somebody',
    signIn: 'I have been here before',
  },
  waiting: {
    kept: (handle: string) => `@${handle} is yours for now`,
    keptUntil: (day: string) => `until ${day}`,
    about:
      'Keep this page: it is the only way back to your place. It shows by itself when somebody waves you in.',
    copy: 'Copy the address of this page',
    invited: 'Somebody has waved you in',
    comeIn: 'Come in',
    stop: 'Give the handle up',
    stopped: 'You are not on the list any more.',
    gone: 'Nobody waits here',
    goneAbout: 'The handle was given up, its time has run out, or you are in already.',
  },
};
