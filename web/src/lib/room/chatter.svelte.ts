/** What goes on around the talk that one is in: what its pages show, and what they send. */

import { account } from '$lib/api/account';
import { ApiError } from '$lib/api/client';
import { notes } from '$lib/notes.svelte';
import type { Line, Reaction } from '$lib/protocol/types';
import { text } from '$lib/text';
import {
  addCounts,
  CAPTION_STAYS,
  foldCaptions,
  foldLines,
  freshCaptions,
  LEAST_GAP,
  REACTIONS,
  type ShownCaption,
} from './chatter';
import type { Around, Aside, Line as ToWrite } from './session';

/** For how long, in ms, a reaction floats; as long as its animation. */
const FLOATS = 2_600;
/** Most that float at once: more is a curtain. */
const MOST_FLOATING = 10;
/** For how long, in ms, a reaction stays on the face of somebody on stage. */
const ON_FACE = 3_000;
/** Reactions are summed up for screen readers at most so often, in ms. */
const SUMMARY_EVERY = 10_000;
/** Pages of the list of muted people that are read. */
const MUTED_PAGES = 5;
const KEY = 'roomtone.backchannel.readout';

export interface Floating {
  id: number;
  kind: Reaction;
  count: number;
}

interface Ways {
  /** Sends what is not answered. */
  aside(message: Aside): boolean;
  /** Sends a line, or the removal of one. */
  line(line: ToWrite): Promise<number>;
  /** Asks for a snapshot. */
  refresh(): void;
}

export class Chatter {
  lines = $state.raw<Line[]>([]);
  /** Lines that came while the backchannel was not shown. */
  unread = $state(0);
  /** Whether new lines are read out. */
  readOut = $state(remembered());
  floating = $state.raw<Floating[]>([]);
  /** The last reaction of people on stage, by member id. */
  faces = $state.raw<Record<string, Reaction>>({});
  /** Reactions in words, for screen readers. */
  summary = $state('');
  captions = $state.raw<ShownCaption[]>([]);
  wantsCaptions = $state(false);
  /** The server's clock less this one's, in ms. */
  private skew: number | null = null;
  /** When one wrote last, in ms since 1970 by this clock. */
  wrote = $state(0);

  private muted = $state.raw(new Set<string>());
  private shown = false;
  private entered = false;
  /** Lines may be missing: whoever resumes a connection is not told what was written meanwhile. */
  private stale = false;
  private next = 0;
  private readonly pending = new Map<Reaction, number>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private summing = false;

  constructor(private readonly ways: Ways) {}

  /** The lines to show: without those of people whom one has muted. */
  get visible(): Line[] {
    return this.lines.filter((line) => !this.muted.has(line.person.id));
  }

  /** The server's clock now, in ms since 1970. */
  now(): number {
    return Date.now() + (this.skew ?? 0);
  }

  take(message: Around): void {
    switch (message.type) {
      case 'snapshot': {
        // A message is late by its way here and never early: the greatest difference is the nearest.
        this.skew = Math.max(this.skew ?? -Infinity, message.now - Date.now());
        this.stale = false;
        // What was written before one came is not news.
        if (this.entered) this.count(message.lines);
        this.entered = true;
        this.lines = message.lines;
        break;
      }
      case 'chatter': {
        this.count(message.lines);
        this.lines = foldLines(this.lines, message);
        for (const { kind, count } of message.reactions) this.float(kind, count);
        for (const { member, kind } of message.on_stage) this.onFace(member, kind);
        addCounts(this.pending, message.reactions);
        this.sumUp();
        break;
      }
      case 'captions': {
        this.captions = foldCaptions(this.captions, message.captions, Date.now());
        this.later(CAPTION_STAYS + 100, () => (this.captions = freshCaptions(this.captions, Date.now())));
        break;
      }
    }
  }

  /** There is a connection, perhaps again: the server forgets with the old one that captions are wanted. */
  connected(again: boolean): void {
    if (again) this.stale = true;
    if (this.shown) this.catchUp();
    if (this.wantsCaptions) this.ways.aside({ type: 'want_captions', on: true });
  }

  /** The talk is over. */
  reset(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.pending.clear();
    this.summing = false;
    this.lines = [];
    this.floating = [];
    this.captions = [];
    this.faces = {};
    this.summary = '';
    this.unread = this.wrote = 0;
    this.skew = null;
    this.entered = false;
  }

  react(kind: Reaction): void {
    this.ways.aside({ type: 'react', kind });
  }

  /** Writes a line; tells a refusal. Whether it was taken. */
  async say(line: string): Promise<boolean> {
    const early = this.wrote + LEAST_GAP - Date.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    const done = await this.send({ type: 'say', text: line });
    if (done) this.wrote = Date.now();
    return done;
  }

  remove(line: Line): Promise<boolean> {
    return this.send({ type: 'remove_line', line: line.id });
  }

  captionsWanted(on: boolean): void {
    this.wantsCaptions = on;
    if (!on) this.captions = [];
    this.ways.aside({ type: 'want_captions', on });
  }

  readingOut(on: boolean): void {
    this.readOut = on;
    try {
      localStorage.setItem(KEY, String(on));
    } catch {
      // Storage can be refused; the choice then lasts until the page is closed.
    }
  }

  /** The backchannel is on the screen, or no longer. */
  show(shown: boolean): void {
    this.shown = shown;
    this.unread = 0;
    if (!shown) return;
    this.catchUp();
    void this.findMuted();
  }

  private catchUp(): void {
    if (this.stale) this.ways.refresh();
    this.stale = false;
  }

  private count(lines: Line[]): void {
    const newest = this.lines.at(-1)?.id ?? 0;
    if (this.shown) return;
    this.unread += lines.filter((line) => line.id > newest && !this.muted.has(line.person.id)).length;
  }

  private async send(line: ToWrite): Promise<boolean> {
    try {
      await this.ways.line(line);
      return true;
    } catch (error) {
      notes.tell(text.error(error instanceof ApiError ? error.code : 'internal'));
      return false;
    }
  }

  /** Whom one has muted may have changed since the last time. Without an answer what was known stays. */
  async findMuted(): Promise<void> {
    try {
      const found = new Set<string>();
      let after: string | null = null;
      for (let page = 0; page < MUTED_PAGES; page++) {
        const { items, next } = await account.muted(after);
        for (const { person } of items) found.add(person.id);
        if (!next) break;
        after = next;
      }
      this.muted = found;
    } catch {
      // Hiding is a comfort: the room does not wait for it.
    }
  }

  private float(kind: Reaction, count: number): void {
    const id = this.next++;
    this.floating = [...this.floating, { id, kind, count }].slice(-MOST_FLOATING);
    this.later(FLOATS, () => (this.floating = this.floating.filter((one) => one.id !== id)));
  }

  private onFace(member: string, kind: Reaction): void {
    const faces = { ...this.faces, [member]: kind };
    this.faces = faces;
    this.later(ON_FACE, () => {
      const { [member]: last, ...others } = this.faces;
      if (last === kind) this.faces = others;
    });
  }

  /** Says at once what has come after a quiet time, and then sums up. */
  private sumUp(): void {
    if (this.summing || this.pending.size === 0) return;
    this.summing = true;
    this.summary = REACTIONS.filter((kind) => this.pending.has(kind))
      .map((kind) => text.around.counted[kind](this.pending.get(kind)!))
      .join(', ');
    this.pending.clear();
    this.later(SUMMARY_EVERY, () => {
      this.summing = false;
      this.summary = '';
      this.sumUp();
    });
  }

  private later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, ms);
    this.timers.add(timer);
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) === 'true';
  } catch {
    return false;
  }
}
