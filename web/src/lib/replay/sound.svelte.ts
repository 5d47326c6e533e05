/** Recorded sound that plays on a page: a replay, a clip, a voice note. At any time one of them sounds, and no live room beside it. */

import { talk } from '$lib/room/talk.svelte';

/** What sounds now. */
let sounding: Sound | null = null;

/** Stops what sounds, as when a room is to be heard. */
export function hush(): void {
  sounding?.pause();
}

export class Sound {
  /** Where it is, in ms. */
  at = $state(0);
  /** Whether it plays, or would if more of it were there. */
  playing = $state(false);
  /** It is to play, and its sound has not come yet. */
  waiting = $state(false);
  /** It could not be fetched or played. */
  failed = $state(false);

  private readonly element: HTMLAudioElement;
  private frame = 0;
  private url: string | null = null;
  /** Where to begin once the browser knows the length, in ms. */
  private wanted: number | null = null;

  /** `moved` is told of each step of the playing, `turned` when it begins or stops, and `ended` that there is no more. */
  constructor(
    private readonly moved: (at: number) => void = () => undefined,
    private readonly turned: () => void = () => undefined,
    private readonly ended: () => void = () => undefined,
  ) {
    const element = new Audio();
    this.element = element;
    element.preload = 'metadata';
    element.onplaying = () => (this.waiting = false);
    element.onwaiting = () => (this.waiting = true);
    element.onloadedmetadata = () => this.arrive();
    element.ontimeupdate = () => this.look();
    element.onseeked = () => this.look();
    element.onplay = () => this.begun();
    element.onpause = () => this.stopped();
    element.onended = () => {
      this.stopped();
      this.ended();
    };
    element.onerror = () => {
      if (this.url === null) return;
      this.failed = true;
      this.stopped();
    };
  }

  /** Takes other sound, and stays where it is in time. */
  load(url: string | null): void {
    if (url === this.url) return;
    const [was, at] = [this.playing, this.at];
    this.url = url;
    this.failed = this.waiting = false;
    this.element.pause();
    if (url === null) return void this.element.removeAttribute('src');
    this.element.src = url;
    this.wanted = at > 0 ? at : null;
    if (was) this.play();
  }

  play(): void {
    if (this.url === null) return;
    if (this.failed) {
      this.failed = false;
      this.wanted = this.at;
      this.element.load();
    }
    this.playing = this.waiting = true;
    this.element.play().catch(() => this.stopped());
  }

  pause(): void {
    this.element.pause();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  seek(ms: number): void {
    this.at = Math.max(0, ms);
    if (this.element.readyState >= HTMLMediaElement.HAVE_METADATA) this.element.currentTime = this.at / 1_000;
    else this.wanted = this.at;
  }

  /** How fast it plays; voices keep their pitch. */
  speed(speed: number): void {
    this.element.playbackRate = this.element.defaultPlaybackRate = speed;
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.url = null;
    // What the player says from here on, such as that it is at its beginning, is of no interest.
    const { element } = this;
    element.onpause = element.ontimeupdate = element.onseeked = element.onended = element.onerror = null;
    element.pause();
    element.removeAttribute('src');
    element.load();
    if (sounding === this) sounding = null;
  }

  private arrive(): void {
    if (this.wanted !== null) this.element.currentTime = this.wanted / 1_000;
    this.wanted = null;
  }

  private begun(): void {
    if (sounding !== this) sounding?.pause();
    sounding = this;
    if (talk.on && !talk.held) talk.hold();
    this.playing = true;
    cancelAnimationFrame(this.frame);
    const draw = () => {
      this.look();
      this.frame = requestAnimationFrame(draw);
    };
    this.frame = requestAnimationFrame(draw);
    this.turned();
  }

  private stopped(): void {
    cancelAnimationFrame(this.frame);
    this.playing = this.waiting = false;
    this.look();
    this.turned();
  }

  private look(): void {
    if (this.wanted !== null || this.element.seeking) return;
    this.at = this.element.currentTime * 1_000;
    this.moved(this.at);
  }
}
