/** The system's own buttons for a replay: the lock screen, headsets, media keys (https://www.w3.org/TR/mediasession/). */

import { text } from '$lib/text';
import type { Deed } from './player';

/** What each means, whatever is going on: a headset that says "pause" twice does not begin the sound. */
const BUTTONS: Partial<Record<MediaSessionAction, Deed>> = {
  play: 'begin',
  pause: 'pause',
  stop: 'pause',
  seekbackward: 'back',
  seekforward: 'on',
  previoustrack: 'previous',
  nexttrack: 'next',
};

export class Buttons {
  private readonly session =
    typeof navigator !== 'undefined' && 'mediaSession' in navigator ? navigator.mediaSession : null;
  private shown = false;

  /** `go` is told of a place in ms, as when somebody drags the bar of the lock screen. */
  constructor(
    private readonly act: (deed: Deed) => void,
    private readonly go: (ms: number) => void,
  ) {}

  /** Shows what plays. */
  show(title: string, artist: string): void {
    if (!this.session) return;
    this.session.metadata = new MediaMetadata({
      title,
      artist,
      album: text.name,
      artwork: [{ src: '/icon-512.png', sizes: '512x512', type: 'image/png' }],
    });
    for (const [action, deed] of Object.entries(BUTTONS)) this.on(action, () => this.act(deed));
    this.on('seekto', (details) => {
      if (details.seekTime !== undefined) this.go(details.seekTime * 1_000);
    });
    this.shown = true;
  }

  /** Where it is and how long it is, in ms. */
  at(at: number, ms: number, speed: number, playing: boolean): void {
    if (!this.session || !this.shown) return;
    this.session.playbackState = playing ? 'playing' : 'paused';
    if (ms > 0) {
      this.session.setPositionState?.({
        duration: ms / 1_000,
        position: Math.min(at, ms) / 1_000,
        playbackRate: speed,
      });
    }
  }

  clear(): void {
    if (!this.session || !this.shown) return;
    this.session.metadata = null;
    this.session.playbackState = 'none';
    for (const action of [...Object.keys(BUTTONS), 'seekto']) this.on(action, null);
    this.shown = false;
  }

  private on(action: string, handler: MediaSessionActionHandler | null): void {
    try {
      this.session?.setActionHandler(action as MediaSessionAction, handler);
    } catch {
      // This browser has no such button.
    }
  }
}
