/** Who is signed in on this browser. */

import { api, ApiError, type Me } from '$lib/api/client';
import type { Person } from '$lib/protocol/types';

class Member {
  /** Undefined while it is not known, null when nobody is signed in. */
  me = $state.raw<Me | null | undefined>(undefined);
  /** Why it could not be found out, as a code. */
  trouble = $state<string | null>(null);

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

  follows(member: string): boolean {
    return this.me?.following.some((one) => one.id === member) ?? false;
  }

  /** Follows, or stops; the page shows it once the server has it. Rejects with an `ApiError`. */
  async follow(person: Person, on: boolean): Promise<void> {
    await api.follow(person.handle, on);
    if (!this.me) return;
    const others = this.me.following.filter((one) => one.id !== person.id);
    this.me = { ...this.me, following: on ? [...others, person] : others };
  }

  /** Somebody is not followed any more, by what was done on another page. */
  forget(member: string): void {
    if (!this.me) return;
    this.me = { ...this.me, following: this.me.following.filter((one) => one.id !== member) };
  }

  /** Ends the session on this browser. */
  async signOut(): Promise<void> {
    await api.signOut();
    this.me = null;
  }
}

export const member = new Member();
