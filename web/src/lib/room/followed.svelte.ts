/** Listeners whom somebody on stage follows: the room shows them before the others. */

import { untrack } from 'svelte';
import type { Api } from '$lib/api/client';
import type { Participant } from '$lib/protocol/types';
import { find, type RoomState } from './reducer';

const MOST = 12;
/** How often, in ms, they are asked for, and how much more seldom for each person in the room. */
const [EVERY, EACH] = [30_000, 20];

export class Followed {
  private found = $state.raw<Participant[]>([]);
  /** As they are now; whoever has come on stage or left is not among them. */
  readonly people = $derived.by(() => {
    const room = this.room();
    const gone = new Set(room.gone.map(({ id }) => id));
    return this.found
      .map((who) => find(room, who.person.id) ?? who)
      .filter((who) => who.role === 'listener' && !gone.has(who.person.id));
  });
  readonly ids = $derived(new Set(this.people.map(({ person }) => person.id)));

  /** Asks for as long as the component lives that makes it, and at once when the stage has changed. */
  constructor(
    api: Api,
    private readonly room: () => RoomState,
  ) {
    const id = $derived(room().room.id);
    const stage = $derived(
      room()
        .stage.map(({ person }) => person.id)
        .sort()
        .join(),
    );
    $effect(() => {
      void stage;
      const [asked, count] = [id, () => untrack(() => room().audience.count)];
      let timer: ReturnType<typeof setTimeout> | undefined;
      let over = false;
      const ask = async () => {
        // Who cannot be asked for now can be the next time.
        const page = await api.roster(asked, 0, { followed: true }).catch(() => null);
        if (over) return;
        if (page) this.found = page.participants.slice(0, MOST);
        timer = setTimeout(() => void ask(), EVERY + EACH * count());
      };
      // In a large room not everybody at once.
      timer = setTimeout(() => void ask(), Math.random() * count());
      return () => {
        over = true;
        clearTimeout(timer);
      };
    });
  }
}
