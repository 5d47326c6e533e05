/** What a refusal means, by its code in docs/PROTOCOL.md, and what a microphone's failure means. */

const refusals = {
  unreachable: 'The server cannot be reached just now. Nothing is lost; try again in a moment.',
  bad_request: 'The server did not understand this page. Reloading it may help.',
  not_signed_in: 'You are signed out. Sign in, or open an invite link to come in.',
  cross_site: 'The server refused this because it did not come from its own page.',
  not_allowed: 'Your role here does not allow that.',
  not_on_stage: 'That is for people on stage.',
  muted_by_moderator: 'A moderator has muted you. They can lift it.',
  not_found: 'There is nothing at this address.',
  invite_not_found: 'This invite has been used or is no longer valid.',
  member_not_found: 'There is no member with that handle.',
  room_not_found: 'There is no such room, or it is not open to you.',
  leg_not_found: 'The sound was cut off. It comes back by itself.',
  method_not_allowed: 'The server did not understand this page. Reloading it may help.',
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
  unsupported_media_type: 'The server did not understand this page. Reloading it may help.',
  invalid_handle: 'A handle has 2 to 30 letters of one alphabet, digits or _, and begins with a letter.',
  invalid_name: 'A name has 1 to 60 characters.',
  invalid_language: 'The server does not know this language.',
  invalid_title: 'This title cannot be used. Try another.',
  invalid_question: 'A question has at most 280 characters.',
  invalid_sdp: 'The server did not understand this browser’s sound. Reloading the page may help.',
  no_audio: 'This browser offered no sound. Reloading the page may help.',
  no_common_codec: 'This browser cannot play the sound of this room.',
  unknown_command: 'The server does not know how to do that. Reloading the page may help.',
  house_rules: 'This is a house’s room. Accept the rules of the house first.',
  call_over: 'This call is over.',
  house_not_found: 'There is no such house, or it is not open to you.',
  suspended: 'This account is suspended. The people who run this server can say more.',
  recovery_refused: 'That handle and recovery code do not go together, or the code was used already.',
  passkey_not_found: 'This passkey is gone already.',
  session_not_found: 'This session has ended already.',
  mail_not_configured: 'This server sends no e-mail.',
  address_taken: 'Another member has this e-mail address.',
  last_way_in: 'Without it you could not sign in again. Add another passkey or recovery codes first.',
  too_many_tokens: 'You have as many tokens as one member may have. End one first.',
  passkeys_unavailable: 'Passkeys need this server to have a name and https.',
  too_many_passkeys: 'You have as many passkeys as one member may have. Remove one first.',
  ceremony_over: 'That took too long. Try again.',
  link_over: 'This link was used already or has expired. Ask for a new one.',
  invalid_text: 'This text is too long, or has characters that cannot be shown.',
  invalid_link: 'A link begins with https:// and has at most 200 characters.',
  invalid_address: 'That does not look like an e-mail address.',
  passkey_refused: 'This passkey could not be verified here. Try again, or use another one.',
  sign_in_again: 'For this you need to have signed in just now. Sign in once more and try again.',
  handle_changed_lately: 'You can change your handle twice within 30 days, and have done so.',
  too_many_people: 'This list is full. Take somebody out of it first.',
  owner_must_stay: 'You own this server. Hand it over to another member first.',
  picture_too_large: 'This picture is too large. It may have up to 40 megapixels.',
  unsupported_picture: 'This picture cannot be used. Choose a still JPEG, PNG or WebP.',
  invalid_topics: 'A topic has 1 to 30 characters, and only a few fit.',
  wrong_handle: 'That is not your handle.',
  waiting_not_found: 'Nobody waits with that. The handle may be misspelt, or the time is over.',
  waitlist_closed: 'Nobody can be put on the waiting list for now.',
  member_protected: 'Nobody can do that to the owner, and only the owner to an admin.',
  no_invites_left: 'You have no invite left. One comes back when it expires or is taken back.',
  invalid_setting: 'One of the settings cannot be used. Look at the fields again.',
  mail_failed: 'The mail server did not take the letter.',
  rate_limited: 'That was a lot at once. Try again in a little while.',
  server_full: 'This server is full right now. It lets people in again as soon as there is room.',
  busy: 'The server is busy. Try again in a moment.',
  internal: 'Something went wrong on the server. Nothing of yours is lost; try again.',
  nomination_needed: 'People join this house by nomination. Ask a member to nominate you.',
  too_many_houses: 'You are in as many houses as one person may be, or have made as many.',
  last_admin: 'A house keeps at least one admin. Make somebody else an admin first.',
  invalid_quiet_hours: 'Quiet hours need two different times of the day.',
  invalid_subscription:
    'The browser did not give a usable address for notices. Switch them off and on again.',
};

export const errors = {
  refusals,
  /** A refusal in words; a code that is not known here is shown as it is. */
  error: (code: string): string => {
    const [known = '', wait] = code.split(':');
    if (known === 'rate_limited' && wait !== undefined) return errors.tooMuch(Number(wait));
    return Object.hasOwn(refusals, known)
      ? refusals[known as keyof typeof refusals]
      : `That did not work (${known}). Try again.`;
  },
  /** So many seconds until one more would be let through. */
  tooMuch: (seconds: number): string =>
    `That was a lot at once. Try again in ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`}.`,

  /** By the name of the browser's exception. */
  microphone: {
    NotAllowedError:
      'The browser did not allow the microphone. You can allow it in the address bar and press again.',
    NotFoundError: 'No microphone was found. Connect one and press again.',
    NotReadableError: 'The microphone is gone or in use by another program. Choose another, or press again.',
    SecurityError: 'Browsers give a microphone only to secure pages. Open this place by https.',
    other: 'The microphone could not be opened. Choose another, or press again.',
  },
};
