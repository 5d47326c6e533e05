/** A new event, as the fields on its page have it. */

import type { EventText } from '$lib/api/events';
import { ownZone, type Wall } from './zones';

export type When = 'none' | 'date' | 'poll';

export interface Draft {
  text: EventText;
  house: string;
  cohosts: string;
  when: When;
  wall: Wall;
  walls: Wall[];
  zone: string;
}

/** Most talks are in the evening. */
const USUAL_TIME = '19:00';

export function emptyDraft(language: string): Draft {
  const none = () => ({ date: '', time: USUAL_TIME });
  return {
    text: {
      title: '',
      about: '',
      language,
      topics: [],
      kind: 'open',
      minutes: 60,
      recurrence: 'none',
    },
    house: '',
    cohosts: '',
    when: 'none',
    wall: none(),
    walls: [none(), none()],
    zone: ownZone(),
  };
}
