/** The sign beside the face of who did it, by the kind of a notice. A kind without one has none. */

import Bell from '@lucide/svelte/icons/bell';
import BriefcaseBusiness from '@lucide/svelte/icons/briefcase-business';
import CalendarCheck from '@lucide/svelte/icons/calendar-check';
import CalendarClock from '@lucide/svelte/icons/calendar-clock';
import CalendarX from '@lucide/svelte/icons/calendar-x';
import Gavel from '@lucide/svelte/icons/gavel';
import Headphones from '@lucide/svelte/icons/headphones';
import Handshake from '@lucide/svelte/icons/handshake';
import House from '@lucide/svelte/icons/house';
import Mail from '@lucide/svelte/icons/mail';
import MailCheck from '@lucide/svelte/icons/mail-check';
import Megaphone from '@lucide/svelte/icons/megaphone';
import Mic from '@lucide/svelte/icons/mic';
import Phone from '@lucide/svelte/icons/phone';
import ShieldAlert from '@lucide/svelte/icons/shield-alert';
import UserRoundPlus from '@lucide/svelte/icons/user-round-plus';
import type { Notice } from '$lib/api/hallway';

type Sign = typeof Bell;

const SIGNS: Record<string, Sign> = {
  followed: UserRoundPlus,
  room_opened: Headphones,
  room_speaking: Mic,
  house_room: Headphones,
  ping: Megaphone,
  call: Phone,
  called_up: Mic,
  moderated: Gavel,
  appeal_made: Gavel,
  appeal_decided: Gavel,
  invite_used: UserRoundPlus,
  nomination: House,
  house_invited: House,
  house_joined: House,
  invitation_asked: Mail,
  invitation_answered: MailCheck,
  invitation_accepted: Handshake,
  event_changed: CalendarClock,
  cohost_asked: CalendarClock,
  cohost_accepted: CalendarCheck,
  office_offered: BriefcaseBusiness,
  office_accepted: BriefcaseBusiness,
  proof_missing: ShieldAlert,
};

const OF_EVENTS: Record<string, Sign> = {
  dated: CalendarCheck,
  live: Headphones,
  cancelled: CalendarX,
};

export function signOf(notice: Notice): Sign | null {
  const change = notice.event?.change;
  return (change && OF_EVENTS[change]) || (SIGNS[notice.kind] ?? null);
}
