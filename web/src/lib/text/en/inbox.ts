/** Notifications: the inbox, and which kinds may come how. */

import { count } from './numbers';

export const inbox = {
  title: 'Inbox',
  none: 'Nothing yet',
  noneAbout: 'When somebody follows you, opens a room or asks you in, it is here.',
  unread: (n: number) =>
    n >= 100 ? '100 and more unread' : `${count(n, { one: 'unread', other: 'unread' })}`,
  new: 'new',
  today: 'Today',
  more: 'Show older ones',
  somebody: 'Somebody',
  kinds: {
    followed: (who: string) => `${who} follows you`,
    room_opened: (who: string, title: string) => `${who} opened “${title}”`,
    room_speaking: (who: string, title: string) => `${who} is on stage in “${title}”`,
    house_room: (who: string, title: string) => `${who} opened “${title}” in one of your houses`,
    ping: (who: string, title: string) => `${who} asks you into “${title}”`,
    call: (who: string) => `${who} rang to talk with you`,
    called_up: (who: string, title: string) => `${who} called you up to the stage of “${title}”`,
    moderated: (_: string, title: string) =>
      `A moderator removed you from “${title}”. If you think that was wrong, you can appeal.`,
    appeal_made: (who: string, title: string) => `${who} appeals against what was done to them in “${title}”`,
    appeal_decided: (_: string, title: string) => `Your appeal about “${title}” is decided`,
    invite_used: (who: string) => `${who} came in by your invite`,
    invite_earned: (who: string) => `${who} takes part, so you may invite one more`,
    nomination: (who: string, house: string) => `${who} nominates somebody for ${house}`,
    house_invited: (_: string, house: string) => `You may join ${house} now`,
    house_joined: (who: string, house: string) => `${who}, whom you nominated, joined ${house}`,
    event_changed: (_: string, title: string) => `There is news of “${title}”`,
    cohost_asked: (who: string, title: string) => `${who} asks you to host “${title}” too`,
    cohost_accepted: (who: string, title: string) => `${who} hosts “${title}” with you`,
    invitation_asked: (who: string, title: string) =>
      `${who} invites you, or whom you act for, to talk: “${title}”`,
    invitation_answered: (_: string, title: string) => `There is an answer about “${title}”`,
    invitation_accepted: (_: string, title: string) => `“${title}”, which you asked for too, is accepted`,
    office_offered: (who: string, office: string) => `${who} asks you to act for them: ${office}`,
    office_accepted: (who: string, office: string) => `${who} acts for you from now on: ${office}`,
    proof_missing: (_: string, domain: string) =>
      `The seal of ${domain} needs you: what proves it is not there any more. Publish it anew.`,
    report_handled: (_: string, answer: string) =>
      answer ? `Your report was looked at: ${answer}` : 'Your report was looked at. Thank you.',
  },
  /** What happened to an event; the moment is its date as it is now. */
  events: {
    announced: (title: string, moment: string) => `The next “${title}”: ${moment}`,
    agreed: (title: string) => `“${title}” will take place. The date is not known yet`,
    dated: (title: string, moment: string) => `“${title}” has a date: ${moment}`,
    moved: (title: string, moment: string) => `“${title}” is moved to ${moment}`,
    undated: (title: string) => `The date of “${title}” was taken back. You hear when it has one`,
    live: (title: string) => `“${title}” is on now: come in`,
    ended: (title: string) => `“${title}” took place`,
    cancelled: (title: string) => `“${title}” is called off`,
    resized: (title: string) => `“${title}” ends at another time than it did`,
  },
  other: 'Something happened',
};
