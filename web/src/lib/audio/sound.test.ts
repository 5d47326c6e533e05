import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Meter, Voice } from './sound';

/** An audio graph that measures a steady loud tone, and keeps its last samples when it is halted, as browsers do. */
function graph() {
  const context = {
    state: 'running' as AudioContextState | 'interrupted',
    createMediaStreamSource: () => ({ connect: () => undefined, disconnect: () => undefined }),
    createAnalyser: () => ({
      fftSize: 0,
      getFloatTimeDomainData: (samples: Float32Array) => samples.fill(0.2),
    }),
  };
  return { context, as: context as unknown as AudioContext };
}

class FakeAudio {
  autoplay = false;
  paused = true;
  srcObject: unknown = null;
  onpause: (() => void) | null = null;
  play() {
    this.paused = false;
    return Promise.resolve();
  }
  pause() {
    if (this.paused) return;
    this.paused = true;
    this.onpause?.();
  }
}

/** A voice of number 7 at the amplitude that the receiver itself tells. */
function voice(context: AudioContext, audioLevel: number, stopped = () => undefined as void) {
  const made: FakeAudio[] = [];
  vi.stubGlobal(
    'Audio',
    class extends FakeAudio {
      constructor() {
        super();
        made.push(this);
      }
    },
  );
  const receiver = {
    track: 'the track',
    getContributingSources: () => [{ source: 7, timestamp: 1 }],
    getSynchronizationSources: () => [{ audioLevel, timestamp: 1 }],
  };
  const one = new Voice(context, receiver as unknown as RTCRtpReceiver, stopped);
  return { one, element: made[0]! };
}

beforeEach(() => {
  vi.stubGlobal(
    'MediaStream',
    class {
      constructor(readonly tracks: unknown[]) {}
    },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it.each(['suspended', 'interrupted', 'closed'] as const)(
  'measures nothing while the graph is %s',
  (state) => {
    const { context, as } = graph();
    const meter = new Meter(as, new MediaStream([]));
    expect(meter.level()).toBeGreaterThan(0.9);
    context.state = state;
    expect(meter.level()).toBe(0);
  },
);

describe('a voice', () => {
  it('plays the track itself by an element, past the graph', () => {
    const { element } = voice(graph().as, 0);
    expect((element.srcObject as { tracks: unknown[] }).tracks).toEqual(['the track']);
  });

  it('shows the level that the receiver tells while the graph is halted', () => {
    const { context, as } = graph();
    const { one } = voice(as, 0.01);
    const before = one.heard(0)!.level;
    context.state = 'suspended';
    const { talker, level } = one.heard(1)!;
    expect(talker).toBe(7);
    expect(level).toBeGreaterThan(0.2);
    expect(level).toBeLessThan(before);
  });

  it('tells when the system stops it, and not when it is closed', async () => {
    const stopped = vi.fn();
    const { one, element } = voice(graph().as, 0, stopped);
    await one.play();
    expect(one.playing).toBe(true);
    element.pause();
    expect([one.playing, stopped.mock.calls.length]).toEqual([false, 1]);
    await one.play();
    one.close();
    expect([element.paused, element.srcObject, stopped.mock.calls.length]).toEqual([true, null, 1]);
  });

  it('is not begun by new sound while it is held back', async () => {
    const { one, element } = voice(graph().as, 0);
    await one.play();
    one.pause();
    expect([element.paused, element.autoplay]).toEqual([true, false]);
  });
});
