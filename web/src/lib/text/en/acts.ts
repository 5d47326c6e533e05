/** What moderators did: the log of a room, what was done to oneself, and appeals. */

import type { ActKind, Decision } from '$lib/api/acts';
import { count } from './numbers';

type Said = (by: string, whom: string) => string;

/** Who did what; `by` may be "A moderator", `whom` "somebody". */
const kinds: Record<ActKind, Said> = {
  muted: (by, whom) => `${by} muted ${whom}`,
  unmuted: (by, whom) => `${by} lifted the mute of ${whom}`,
  moved_to_audience: (by, whom) => `${by} moved ${whom} to the audience`,
  removed: (by, whom) => `${by} removed ${whom} from the room`,
  banned: (by, whom) => `${by} banned ${whom} from the room`,
  unbanned: (by, whom) => `${by} let ${whom} in again`,
  hand_declined: (by, whom) => `${by} lowered the hand of ${whom}`,
  moderator_made: (by, whom) => `${by} made ${whom} a moderator`,
  moderator_taken: (by, whom) => `${by} took moderating from ${whom}`,
  handed_over: (by, whom) => `${by} handed the room over to ${whom}`,
  stage_locked: (by) => `${by} locked the stage`,
  stage_unlocked: (by) => `${by} unlocked the stage`,
  hands_ruled: (by) => `${by} changed who may raise a hand`,
  lines_ruled: (by) => `${by} changed the rules of the backchannel`,
  described: (by) => `${by} changed the title, topics or language`,
  widened: (by) => `${by} let more people in`,
  line_removed: (by, whom) => `${by} removed a line by ${whom}`,
  guest_admitted: (by, whom) => `${by} let the guest ${whom} in`,
  guest_turned_away: (by, whom) => `${by} turned the guest ${whom} away`,
  guest_ended: (by, whom) => `${by} ended the pass of the guest ${whom}`,
  link_pinned: (by) => `${by} pinned a link`,
  link_unpinned: (by) => `${by} unpinned a link`,
  evidence_on: (by) => `${by} had the last minute kept for reports, of those who agree`,
  evidence_off: (by) => `${by} had the last minute kept no more`,
  recording_on: (by) => `${by} began to record, of those who agree`,
  recording_off: (by) => `${by} ended the recording`,
  room_ended: (by) => `${by} ended the room`,
};

/** The same as told to whom it was done. */
const onYou: Partial<Record<ActKind, (by: string) => string>> = {
  muted: (by) => `${by} muted you`,
  moved_to_audience: (by) => `${by} moved you to the audience`,
  removed: (by) => `${by} removed you from the room`,
  banned: (by) => `${by} banned you from the room`,
  moderator_taken: (by) => `${by} took moderating from you`,
  line_removed: (by) => `${by} removed a line of yours`,
};

const states: Record<'open' | Decision, string> = {
  open: 'Not decided yet',
  lifted: 'Lifted',
  upheld: 'It stays as it was',
};

export const acts = {
  kinds,
  onYou,
  moderator: 'A moderator',
  system: 'The server',
  somebody: 'somebody',
  reason: (words: string) => `Why: ${words}`,

  log: {
    title: 'What moderators did',
    about:
      'Those who run this room read it, and those who run its house and this place. Kept for half a year.',
    none: 'Nothing yet.',
  },

  mine: {
    title: 'What moderators did',
    about: 'What was done to you in rooms, and the way to appeal',
    lead: 'What moderators did to you, the newest first. If you think it was wrong, say so: somebody looks at it again.',
    none: 'Moderators have done nothing to you.',
    in: (title: string) => `in “${title}”`,
    appeal: 'Appeal',
    appealOf: (what: string) => `Appeal: ${what}`,
    text: 'Why do you think it was wrong?',
    textAbout: 'The host of the room, those who run its house and those who run this place can read it.',
    left: (n: number) => count(n, { one: 'character left', other: 'characters left' }),
    send: 'Send the appeal',
    sending: 'Sending…',
    sent: 'Your appeal is sent. You are told when it is decided.',
    yours: 'Your appeal',
  },

  appeals: {
    title: 'Appeals',
    about: 'Appeals that you may decide',
    lead: 'Somebody asks to look again at what was done to them in a room of yours.',
    open: 'To be decided',
    closed: 'Decided',
    none: 'There is no appeal for you to decide.',
    noneClosed: 'Nothing has been decided yet.',
    gone: 'A member who has left',
    answer: 'An answer, if you like',
    answerAbout: 'Whoever appealed reads it.',
    lift: 'Lift it',
    liftAbout: 'A ban is taken back at once.',
    uphold: 'Leave it as it is',
    decided: 'Decided. They are told.',
    log: 'The log of the room',
  },
  states,
  answer: (words: string) => `The answer: ${words}`,
};
