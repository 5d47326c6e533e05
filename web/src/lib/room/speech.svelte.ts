/** Turning what the member says into captions, where the browser can (Web Speech API). */

import type { Caption } from '$lib/protocol/types';

/** The longest caption, in characters (docs/PROTOCOL.md). */
const LONGEST = 300;
/** Captions that still change are sent at most so often, in ms. */
const EVERY = 400;
/** So often in a row it is started again after it ended by itself without a word. */
const MOST_IN_VAIN = 5;

interface Recognition {
  lang: string;
  continuous: boolean;
  interimResults: boolean;
  onresult: ((event: { resultIndex: number; results: ArrayLike<Result> }) => void) | null;
  onend: (() => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  start(): void;
  abort(): void;
}
interface Result {
  isFinal: boolean;
  [at: number]: { transcript: string };
}

function maker(): (new () => Recognition) | undefined {
  if (typeof window === 'undefined') return undefined;
  const all = window as unknown as Record<string, (new () => Recognition) | undefined>;
  return all.SpeechRecognition ?? all.webkitSpeechRecognition;
}

export class OwnCaptions {
  /** Whether this browser can do it at all. */
  readonly possible = maker() !== undefined;
  /** The member wants it. Off in every new room. */
  on = $state(false);
  private running: Recognition | null = null;
  private open = false;
  private language = 'en';
  private vain = 0;
  private sentAt = 0;

  /** `send` takes a caption of the member's; `stopped` hears that the browser has given up. */
  constructor(
    private readonly send: (caption: Omit<Caption, 'number'>) => void,
    private readonly stopped: () => void,
  ) {}

  want(on: boolean): void {
    this.on = on;
    this.vain = 0;
    this.apply();
  }

  /** Follows the microphone, and the language of the room: words are taken only while it is open. */
  follow(open: boolean, language: string): void {
    if (open === this.open && language === this.language) return;
    const other = language !== this.language;
    [this.open, this.language] = [open, language];
    if (other) this.halt();
    this.apply();
  }

  private apply(): void {
    if (!this.on || !this.open) return this.halt();
    if (this.running) return;
    const Made = maker();
    if (!Made) return;
    const recognition = new Made();
    recognition.lang = this.language;
    recognition.continuous = recognition.interimResults = true;
    recognition.onresult = ({ resultIndex, results }) => {
      this.vain = 0;
      for (let i = resultIndex; i < results.length; i++) this.take(results[i]!);
    };
    recognition.onerror = ({ error }) => {
      if (error === 'not-allowed' || error === 'service-not-allowed' || error === 'language-not-supported')
        this.vain = MOST_IN_VAIN;
    };
    // Browsers end it after a silence.
    recognition.onend = () => {
      if (this.running !== recognition) return;
      this.running = null;
      this.vain += 1;
      if (this.vain < MOST_IN_VAIN) return this.apply();
      this.on = false;
      this.stopped();
    };
    this.running = recognition;
    recognition.start();
  }

  private take(result: Result): void {
    const words = (result[0]?.transcript ?? '').replace(/\s+/g, ' ').trim();
    const now = performance.now();
    if (words === '' || (!result.isFinal && now - this.sentAt < EVERY)) return;
    this.sentAt = now;
    // Of a long sentence the end is what is being said.
    const text = [...words].slice(-LONGEST).join('').trim();
    this.send({ text, language: this.language, done: result.isFinal });
  }

  private halt(): void {
    const { running } = this;
    this.running = null;
    running?.abort();
  }
}
