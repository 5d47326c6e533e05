/** Who is signed in on this browser. */

import { api, ApiError, type Me } from '$lib/api/client';
import type { Person } from '$lib/protocol/types';

class Member {
  /** Undefined while it is not known, null when nobody is signed in. */
  me = $state.raw<Me | null | undefined>(undefined);
  /** Why it could not be found out, as a code. */
  trouble = $state<string | null>(null);
  /** Who was followed on this page, and who is not any more. */
  private did = $state.raw<Record<string, boolean>>({});

  /** Whether they run this server: as its owner, or as an admin whom the owner made one. */
  get runs(): boolean {
    return this.me?.owner === true || this.me?.admin === true;
  }

  async load(): Promise<void> {
    try {
      this.me = await api.me();
      this.trouble = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.me = null;
      else this.trouble = error.code;
    }
  }

  /** Whether they follow a member of whom the server said `known`, before what was done on this page since. */
  follows(member: string, known = false): boolean {
    return this.did[member] ?? known;
  }

  /** Follows, or stops; the page shows it once the server has it. Rejects with an `ApiError`. */
  async follow(person: Person, on: boolean): Promise<void> {
    await api.follow(person.handle, on);
    this.did = { ...this.did, [person.id]: on };
    if (this.me && on) this.me = { ...this.me, follows_anybody: true };
  }

  /** Somebody is not followed any more, by what was done on another page. */
  forget(member: string): void {
    this.did = { ...this.did, [member]: false };
  }

  /** Ends the session on this browser. */
  async signOut(): Promise<void> {
    await api.signOut();
    this.me = null;
    this.did = {};
  }
}

export const member = new Member();
