/** The player of one replay: what it knows of the talk, and what the page and the system's own buttons ask of it. */

import { playable, type Replay } from '$lib/api/replays';
import { chapterAt, nextTurn, previousTurn, speakingAt, turns } from './picture';
import { afterSilence, nextSpeed, Places, SPEEDS, type Deed } from './player';
import { Sound } from './sound.svelte';
import { Buttons } from './system';

/** How far the buttons beside "play" go, in ms. */
export const STEP = 15_000;
/** Players come to a place a little before it; where one is by so much, in ms, one has arrived. */
const NEAR = 100;
/** How far into a chapter, in ms, one goes back to its beginning, and not to the one before. */
const INTO = 3_000;
/** How often the place is kept while it plays, in ms of the replay. */
const KEPT_EVERY = 5_000;

export class Player {
  replay = $state.raw<Replay>() as Replay;
  speed = $state(1);
  skipsSilence = $state(false);
  /** Silences are played whatever was chosen, as when a part is heard as it will be cut. */
  entire = false;
  readonly sound: Sound;

  readonly ms = $derived(this.replay.picture?.ms ?? this.replay.ms);
  readonly turns = $derived(this.replay.picture ? turns(this.replay.picture) : []);
  readonly chapters = $derived(this.replay.picture?.chapters ?? []);
  readonly chapter = $derived(chapterAt(this.chapters, this.at + NEAR));
  /** The numbers of those who speak now. */
  readonly speaking = $derived(this.replay.picture ? speakingAt(this.replay.picture, this.at) : []);

  private readonly places: Places;
  private readonly buttons: Buttons;
  private keptAt = 0;

  /** `from` is where to begin, in ms; null to go on where the member stopped. */
  constructor(
    replay: Replay,
    private readonly storage: Storage | null,
    from: number | null,
  ) {
    this.replay = replay;
    this.places = new Places(storage);
    this.speed = stored(storage, 'speed', (value) => SPEEDS.find((one) => one === value)) ?? 1;
    this.skipsSilence = stored(storage, 'skip', (value) => value === true) ?? false;
    this.sound = new Sound(
      (at) => this.moved(at),
      () => this.keep(),
      () => this.places.keep(replay.id, this.ms, this.ms),
    );
    this.sound.speed(this.speed);
    this.sound.seek(from ?? this.places.of(replay.id));
    this.sound.load(playable(replay.audio));
    this.buttons = new Buttons(
      (deed) => this.act(deed),
      (ms) => this.go(ms),
    );
  }

  get at(): number {
    return this.sound.at;
  }

  get playing(): boolean {
    return this.sound.playing;
  }

  /** Takes the replay as it is now: with another sound if it was made anew. */
  update(replay: Replay): void {
    this.replay = replay;
    this.sound.load(playable(replay.audio));
  }

  /** Goes to a moment, and plays from there if `play`. */
  go(ms: number, play = this.playing): void {
    this.sound.seek(Math.min(Math.max(0, ms), this.ms));
    if (play) this.sound.play();
    this.keep();
  }

  act(deed: Deed): void {
    switch (deed) {
      case 'play':
        return this.act(this.playing ? 'pause' : 'begin');
      case 'begin':
        if (this.playing) return;
        if (this.at >= this.ms - 200) this.sound.seek(0);
        return this.sound.play();
      case 'pause':
        return this.sound.pause();
      case 'back':
        return this.go(this.at - STEP);
      case 'on':
        return this.go(this.at + STEP);
      case 'next': {
        const turn = nextTurn(this.turns, this.at + NEAR);
        return turn ? this.go(turn.from) : undefined;
      }
      case 'previous': {
        const turn = previousTurn(this.turns, this.at + NEAR);
        return turn ? this.go(turn.from) : undefined;
      }
      case 'faster':
        return this.setSpeed(nextSpeed(this.speed, 1));
      case 'slower':
        return this.setSpeed(nextSpeed(this.speed, -1));
      case 'silence':
        return this.skipSilence(!this.skipsSilence);
      case 'chapter': {
        const chapter = this.chapters[this.chapter + 1];
        return chapter ? this.go(chapter.at_ms) : undefined;
      }
      case 'chapter_back': {
        const now = this.chapters[this.chapter];
        const back = now && this.at - now.at_ms > INTO ? now : this.chapters[this.chapter - 1];
        return this.go(back?.at_ms ?? 0);
      }
    }
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.sound.speed(speed);
    keep(this.storage, 'speed', speed);
    this.show();
  }

  skipSilence(on: boolean): void {
    this.skipsSilence = on;
    keep(this.storage, 'skip', on);
  }

  /** Tells the system what plays; `title` and `artist` are for people. */
  describe(title: string, artist: string): void {
    this.buttons.show(title, artist);
  }

  close(): void {
    this.keep();
    this.buttons.clear();
    this.sound.close();
  }

  private moved(at: number): void {
    if (this.playing && this.skipsSilence && !this.entire) {
      const on = afterSilence(this.replay.picture?.silences ?? [], at);
      if (on !== null) return this.sound.seek(on);
    }
    if (Math.abs(at - this.keptAt) > KEPT_EVERY) this.keep();
  }

  private keep(): void {
    this.keptAt = this.at;
    this.places.keep(this.replay.id, this.at, this.ms);
    this.show();
  }

  private show(): void {
    this.buttons.at(this.at, this.ms, this.speed, this.playing);
  }
}

function stored<T>(storage: Storage | null, name: string, read: (value: unknown) => T): T | null {
  try {
    return read(JSON.parse(storage?.getItem(`roomtone.replay.${name}`) ?? 'null'));
  } catch {
    return null;
  }
}

function keep(storage: Storage | null, name: string, value: unknown): void {
  try {
    storage?.setItem(`roomtone.replay.${name}`, JSON.stringify(value));
  } catch {
    // Storage can be refused; the choice then lasts until the page is closed.
  }
}
