/** Recording a voice note on this device. Nothing leaves it here: the page gets a WAV file, and sends it if it is told to. */

import { devices } from '$lib/audio/devices.svelte';
import { isSilent, joined, LONGEST_NOTE, NOTE_RATE, wav } from './wav';

/** The shortest note that is worth keeping, in ms. */
const SHORTEST = 500;

/** What was recorded; null where nothing was heard. */
export type Recorded = { file: Blob; ms: number } | null;

export class NoteRecorder {
  private readonly chunks: Float32Array[] = [];
  private samples = 0;

  private constructor(
    private readonly context: AudioContext,
    /** The microphone, for a meter. */
    readonly stream: MediaStream,
    private readonly node: AudioWorkletNode,
    private readonly progress: (ms: number) => void,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => this.take(data);
  }

  /**
   * Opens the microphone and begins. `progress` is told how much there is, in ms; at a minute no more is taken. Rejects with the
   * browser's `DOMException`, as `devices.openMicrophone` does.
   */
  static async begin(progress: (ms: number) => void): Promise<NoteRecorder> {
    const stream = await devices.openMicrophone();
    // Its own context, at the device's rate: browsers differ in whether they bring a microphone to another.
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule('/note.worklet.js');
      await context.resume();
      const node = new AudioWorkletNode(context, 'note', { numberOfOutputs: 0 });
      context.createMediaStreamSource(stream).connect(node);
      return new NoteRecorder(context, stream, node, progress);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      await context.close();
      throw error;
    }
  }

  /** Ends it, and gives what was recorded. */
  async done(): Promise<Recorded> {
    const { sampleRate } = this.context;
    await this.close();
    const all = joined(this.chunks, Math.floor((LONGEST_NOTE / 1_000) * sampleRate));
    const ms = (all.length / sampleRate) * 1_000;
    if (ms < SHORTEST || isSilent(all)) return null;
    const samples = await resampled(all, sampleRate);
    return { file: new Blob([wav(samples, NOTE_RATE)], { type: 'audio/wav' }), ms };
  }

  /** Ends it, and forgets what was recorded. */
  async close(): Promise<void> {
    this.node.port.onmessage = null;
    for (const track of this.stream.getTracks()) track.stop();
    if (this.context.state !== 'closed') await this.context.close();
  }

  private take(chunk: Float32Array): void {
    const ms = (this.samples / this.context.sampleRate) * 1_000;
    if (ms >= LONGEST_NOTE) return;
    this.chunks.push(chunk);
    this.samples += chunk.length;
    this.progress(Math.min(LONGEST_NOTE, (this.samples / this.context.sampleRate) * 1_000));
  }
}

/** The same sound at the rate of notes, by the browser's own resampler. */
async function resampled(samples: Float32Array<ArrayBuffer>, rate: number): Promise<Float32Array> {
  const context = new OfflineAudioContext(1, Math.ceil((samples.length / rate) * NOTE_RATE), NOTE_RATE);
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}
