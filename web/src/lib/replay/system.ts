/** The system's own buttons for a replay: the lock screen, headsets, media keys (https://www.w3.org/TR/mediasession/). */

import { text } from '$lib/text';
import type { Deed } from './player';

const BUTTONS: Partial<Record<MediaSessionAction, Deed>> = {
  play: 'play',
  pause: 'play',
  seekbackward: 'back',
  seekforward: 'on',
  previoustrack: 'previous',
  nexttrack: 'next',
};

export class Buttons {
  private readonly session =
    typeof navigator !== 'undefined' && 'mediaSession' in navigator ? navigator.mediaSession : null;
  private shown = false;

  constructor(private readonly act: (deed: Deed) => void) {}

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
    for (const action of Object.keys(BUTTONS)) this.on(action, null);
    this.shown = false;
  }

  private on(action: string, handler: (() => void) | null): void {
    try {
      this.session?.setActionHandler(action as MediaSessionAction, handler);
    } catch {
      // This browser has no such button.
    }
  }
}
