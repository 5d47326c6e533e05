/** The sound of somebody calling: two soft notes, now and then. It plays only where the browser lets the page play. */

import { audioContext } from '$lib/audio/sound';

/** From one ring to the next, in ms. */
const EVERY = 3_000;
/** The two notes, in Hz: a fourth, as in a door chime. */
const NOTES = [659.26, 880];
/** For how long a note sounds, in s, and how loud it begins, from 0 to 1. */
const LENGTH = 0.9;
const LOUDNESS = 0.08;

/** Begins to ring; returns what ends it. */
export function ring(): () => void {
  const context = audioContext();
  strike(context);
  const timer = setInterval(() => strike(context), EVERY);
  return () => clearInterval(timer);
}

function strike(context: AudioContext): void {
  if (context.state !== 'running') {
    // Before the first gesture on a page it may not sound: then it stays silent rather than ring later.
    if (navigator.userActivation?.hasBeenActive) void context.resume().catch(() => undefined);
    return;
  }
  NOTES.forEach((frequency, i) => {
    const at = context.currentTime + i * 0.22;
    const loudness = context.createGain();
    loudness.gain.setValueAtTime(LOUDNESS, at);
    loudness.gain.exponentialRampToValueAtTime(0.0001, at + LENGTH);
    const note = new OscillatorNode(context, { frequency, type: 'sine' });
    note.connect(loudness).connect(context.destination);
    note.start(at);
    note.stop(at + LENGTH);
  });
}
