/** The places that are one press away, wherever one is. */

import AudioLines from '@lucide/svelte/icons/audio-lines';
import Bell from '@lucide/svelte/icons/bell';
import CalendarDays from '@lucide/svelte/icons/calendar-days';
import House from '@lucide/svelte/icons/house';
import Mail from '@lucide/svelte/icons/mail';
import Search from '@lucide/svelte/icons/search';
import UserRoundPlus from '@lucide/svelte/icons/user-round-plus';

/** A place; `name` is its key in `text.nav`. */
export interface Place {
  name: 'hallway' | 'search' | 'inbox' | 'events' | 'invitations' | 'houses' | 'invites';
  href: string;
  icon: typeof Bell;
}

export const HALLWAY: Place = { name: 'hallway', href: '/', icon: AudioLines };
export const SEARCH: Place = { name: 'search', href: '/search', icon: Search };
export const INBOX: Place = { name: 'inbox', href: '/inbox', icon: Bell };
export const EVENTS: Place = { name: 'events', href: '/events', icon: CalendarDays };
export const INVITATIONS: Place = { name: 'invitations', href: '/invitations', icon: Mail };
export const HOUSES: Place = { name: 'houses', href: '/houses', icon: House };
export const INVITES: Place = { name: 'invites', href: '/invites', icon: UserRoundPlus };

/** Whether an address belongs to a place. */
export function isAt(href: string, path: string): boolean {
  return href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`);
}
