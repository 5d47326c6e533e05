/** What differs between two versions of a talk sheet. */

import type { Terms } from '$lib/api/invitations';

/** A field that is a list: what came and what went. */
export interface ListChange {
  field: 'topics' | 'languages' | 'others';
  added: string[];
  removed: string[];
}

/** A field with one value. */
export interface ValueChange {
  field: 'minutes' | 'recorded' | 'audience' | 'notes';
}

export type Change = ListChange | ValueChange;

const LISTS = ['topics', 'languages', 'others'] as const;
const VALUES = ['minutes', 'recorded', 'audience', 'notes'] as const;

/** The fields that are not the same, in the order of the sheet. The order of a list's entries says nothing. */
export function changes(before: Terms, after: Terms): Change[] {
  const lists = LISTS.flatMap((field): Change[] => {
    const added = after[field].filter((one) => !before[field].includes(one));
    const removed = before[field].filter((one) => !after[field].includes(one));
    return added.length + removed.length > 0 ? [{ field, added, removed }] : [];
  });
  const values = VALUES.filter((field) => before[field] !== after[field]).map((field): Change => ({ field }));
  return [...lists, ...values];
}

/** Terms without what makes them a version, as they go to the server. */
export function termsOf(of: Terms): Terms {
  const { topics, minutes, languages, recorded, others, audience, notes } = of;
  return { topics, minutes, languages, recorded, others, audience, notes };
}
