/** The sound of a room as a plain stream: an address that an element plays (docs/PROTOCOL.md, "Plain streams"). */

import { ApiError, type Api } from '$lib/api/client';
import { wantsGesture } from './sound';

/** A stream that does not play within this time, in ms, or stands still for so long, is asked for anew. */
const STALLED = 10_000;

type Play = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

/** A stream that the server has agreed to. */
export interface Plain {
  id: string;
  close(): void;
}

/** What becomes of a stream. Each may be told several times. */
export interface PlainFate {
  up(stream: Plain): void;
  broken(stream: Plain): void;
  /** The browser wants a gesture first. */
  refused(): void;
}

/** The one element that plays streams: what a gesture has let play once may play again while nobody looks. */
export class PlainPlayer {
  private readonly element: Play = new Audio();
  private now: Plain | null = null;

  /** `stopped` is told when the system stops the playing. */
  constructor(stopped: () => void) {
    this.element.onpause = () => this.now && stopped();
  }

  /** Whether it plays, or has nothing to play. */
  get playing(): boolean {
    return !this.now || !this.element.paused;
  }

  /** How far it has come, in s. */
  get seconds(): number {
    return this.element.currentTime;
  }

  /** Asks for a stream, and plays it. Throws an `ApiError` when the server refuses. */
  async open(api: Api, room: string, fate: PlainFate, signal: AbortSignal): Promise<Plain> {
    const { url, leg } = await api.plainStream(room);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { element } = this;
    const stream: Plain = {
      id: leg,
      close: () => {
        clearTimeout(timer);
        if (this.now !== stream) return;
        this.now = null;
        element.onplaying = element.onwaiting = element.onended = element.onerror = null;
        // Without a source it lets go of the connection, by which the server knows that nobody listens.
        element.removeAttribute('src');
        element.load();
      },
    };
    if (signal.aborted) return stream;
    this.now?.close();
    this.now = stream;
    const doubt = () => {
      clearTimeout(timer);
      timer = setTimeout(() => fate.broken(stream), STALLED);
    };
    element.onplaying = () => {
      clearTimeout(timer);
      fate.up(stream);
    };
    element.onwaiting = doubt;
    element.onended = element.onerror = () => fate.broken(stream);
    doubt();
    element.src = url;
    this.play().catch((error: unknown) => this.now === stream && wantsGesture(error) && fate.refused());
    return stream;
  }

  /** Plays. Rejects with `NotAllowedError` when the browser wants a gesture first. */
  play(): Promise<void> {
    return this.now ? this.element.play() : Promise.resolve();
  }

  /** Called from a gesture while there is nothing to play: lets the element play later. */
  prime(): void {
    if (this.now) return;
    this.element.play().catch(ignore);
    this.element.pause();
  }

  /** Sends it to an output device; '' is the system's. */
  async output(device: string): Promise<void> {
    await this.element.setSinkId?.(device);
  }
}

/** Whether an error of {@link PlainPlayer.open} says that there is no stream for this member now. */
export function noStream(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'server_full' || error.code === 'already_on_stage');
}

function ignore(): void {}
