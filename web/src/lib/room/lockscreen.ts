/** What the system shows and does while a talk goes on: the lock screen, media keys, a screen that stays awake. */

import { text } from '$lib/text';

interface Deeds {
  hangUp(): void;
  /** Lets the sound in, or stops it here. */
  play(on: boolean): void;
  toggleMicrophone(): void;
}

/** Newer than the types: https://www.w3.org/TR/mediasession/ */
type Session = Omit<MediaSession, 'setActionHandler'> & {
  setActionHandler(action: string, handler: (() => void) | null): void;
  setMicrophoneActive?(active: boolean): void;
};

export class LockScreen {
  private readonly session: Session | null =
    typeof navigator !== 'undefined' && 'mediaSession' in navigator
      ? (navigator.mediaSession as Session)
      : null;
  private told = '';

  constructor(private readonly deeds: Deeds) {}

  /** Shows a talk and who is on stage. */
  show(title: string, people: string[], speaker: boolean): void {
    const artist = people.join(', ') || text.name;
    const told = JSON.stringify([title, artist, speaker]);
    if (!this.session || told === this.told) return;
    this.told = told;
    this.session.metadata = new MediaMetadata({
      title,
      artist,
      album: text.name,
      artwork: [{ src: '/icon-512.png', sizes: '512x512', type: 'image/png' }],
    });
    // Without these the system pauses what plays by itself, and it would be played again at once.
    this.on('pause', () => this.deeds.play(false));
    this.on('play', () => this.deeds.play(true));
    this.on('hangup', () => this.deeds.hangUp());
    this.on('togglemicrophone', speaker ? () => this.deeds.toggleMicrophone() : null);
  }

  /** Whether the talk sounds, or is paused. */
  playing(on: boolean): void {
    if (this.session) this.session.playbackState = on ? 'playing' : 'paused';
  }

  microphone(open: boolean): void {
    this.session?.setMicrophoneActive?.(open);
  }

  clear(): void {
    if (!this.session) return;
    this.told = '';
    this.session.metadata = null;
    this.session.playbackState = 'none';
    for (const action of ['pause', 'play', 'hangup', 'togglemicrophone']) this.on(action, null);
  }

  private on(action: string, handler: (() => void) | null): void {
    try {
      this.session?.setActionHandler(action, handler);
    } catch {
      // This browser has no such action.
    }
  }
}

/** Keeps the screen awake while it is wanted, also after the page was hidden, which ends every such lock. */
export class Awake {
  private wanted = false;
  private lock: WakeLockSentinel | null = null;

  constructor() {
    if (typeof document === 'undefined') return;
    document.addEventListener('visibilitychange', () => void this.apply());
  }

  want(wanted: boolean): void {
    if (this.wanted === wanted) return;
    this.wanted = wanted;
    void this.apply();
  }

  private async apply(): Promise<void> {
    if (!('wakeLock' in navigator)) return;
    if (!this.wanted) {
      const { lock } = this;
      this.lock = null;
      await lock?.release().catch(() => undefined);
    } else if (document.visibilityState === 'visible' && (!this.lock || this.lock.released)) {
      try {
        const lock = await navigator.wakeLock.request('screen');
        // Not wanted any more while the browser was asked.
        if (this.wanted) this.lock = lock;
        else await lock.release();
      } catch {
        // A battery that is nearly empty is a reason to refuse: the talk goes on without.
      }
    }
  }
}
