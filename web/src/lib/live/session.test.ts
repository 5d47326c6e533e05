import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/client';
import type { HallwayRoom, LiveMessage } from '$lib/api/hallway';
import { FIRST_WAIT, LiveSession, LONGEST_WAIT, POLL, SILENCE, type LiveSocket } from './session';

class FakeSocket implements LiveSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;

  close() {
    this.closed = true;
  }
  says(message: LiveMessage) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const HALLWAY: LiveMessage = { type: 'hallway', rooms: [], online: [] };

/** A session with everything around it in the test's hands; `asked` answers the requests for rooms. */
function setup(asked: () => Promise<HallwayRoom[]> = () => Promise.resolve([])) {
  const sockets: FakeSocket[] = [];
  const told: string[] = [];
  const around = { visible: true, asked: 0 };
  const session = new LiveSession(
    {
      open: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      },
      rooms: () => {
        around.asked++;
        return asked();
      },
      visible: () => around.visible,
      random: () => 1,
    },
    {
      state: (state) => told.push(state),
      message: (message) => told.push(`said ${message.type}`),
      polled: () => told.push('polled'),
      stale: (code) => told.push(`stale ${code}`),
    },
  );
  session.start();
  return { session, sockets, told, around, last: () => sockets.at(-1)! };
}

/** The same, already live. */
function live(asked?: () => Promise<HallwayRoom[]>) {
  const all = setup(asked);
  all.last().says(HALLWAY);
  all.told.length = 0;
  return all;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the socket', () => {
  it('is live from the first message, and passes on what is said', () => {
    const { told, last } = setup();
    last().says(HALLWAY);
    last().says({ type: 'unread', unread: 3 });
    last().says({ type: 'beat' });
    expect(told).toEqual(['live', 'said hallway', 'said unread']);
  });

  it.each(['{', '[]', '"x"', 'null', '7', '{"no":"type"}', '{"type":"news"}'])('ignores %s', (text) => {
    const { told, last } = live();
    last().onmessage?.({ data: text });
    last().onmessage?.({ data: new ArrayBuffer(3) });
    expect(told).toEqual([]);
  });

  it('waits longer each time, but never longer than the cap', () => {
    const { sockets, last } = live();
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const before = sockets.length;
      last().onclose?.();
      let waited = 0;
      while (sockets.length === before) {
        vi.advanceTimersByTime(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([FIRST_WAIT, 1000, 2000, 4000, 8000, LONGEST_WAIT, LONGEST_WAIT]);
  });

  it('begins anew with short waits once it was heard', () => {
    const { sockets, last } = live();
    for (let i = 0; i < 3; i++) {
      last().onclose?.();
      vi.advanceTimersByTime(LONGEST_WAIT);
    }
    last().says(HALLWAY);
    const before = sockets.length;
    last().onclose?.();
    vi.advanceTimersByTime(FIRST_WAIT);
    expect(sockets).toHaveLength(before + 1);
  });

  it('takes a long silence for its end, and any message for life', () => {
    const { sockets, last } = live();
    vi.advanceTimersByTime(SILENCE - 1);
    last().says({ type: 'beat' });
    vi.advanceTimersByTime(SILENCE - 1);
    expect(sockets[0]!.closed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(sockets[0]!.closed).toBe(true);
    vi.advanceTimersByTime(FIRST_WAIT);
    expect(sockets).toHaveLength(2);
  });

  it('gives up an attempt that hangs', () => {
    const { sockets } = setup();
    vi.advanceTimersByTime(8_000 + FIRST_WAIT);
    expect(sockets).toHaveLength(2);
  });

  it('tries at once when the network is back, and leaves a live socket alone', () => {
    const { session, sockets, last } = live();
    session.retryNow();
    expect(sockets).toHaveLength(1);
    session.networkGone();
    expect(sockets[0]!.closed).toBe(true);
    session.retryNow();
    expect(sockets).toHaveLength(2);
    last().says(HALLWAY);
    expect(session.state).toBe('live');
  });

  it('stays away from a full server for as long as it is told, and not for hours', () => {
    const { sockets, last } = live();
    last().says({ type: 'bye', code: 'server_full', message: '', retry_after: 20 });
    vi.advanceTimersByTime(20_000 - 1);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(10_001);
    expect(sockets).toHaveLength(2);
    last().says({ type: 'bye', code: 'server_full', message: '', retry_after: 86_400 });
    vi.advanceTimersByTime(90_000);
    expect(sockets).toHaveLength(3);
  });

  it('comes back after a restart of the server', () => {
    const { sockets, last } = live();
    last().says({ type: 'bye', code: 'shutting_down', message: '' });
    last().onclose?.();
    vi.advanceTimersByTime(FIRST_WAIT);
    expect(sockets).toHaveLength(2);
  });

  it('gives way to other pages, and comes back when it is looked at', async () => {
    const { session, sockets, told, last } = live();
    last().says({ type: 'bye', code: 'replaced', message: '' });
    await vi.advanceTimersByTimeAsync(POLL);
    expect(told).toEqual(['polling', 'polled']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    session.retryNow();
    last().says(HALLWAY);
    expect(session.state).toBe('live');
  });

  it('ends with the session, and does not come back', () => {
    const { session, sockets, told, last } = live();
    last().says({ type: 'bye', code: 'session_ended', message: '' });
    session.retryNow();
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(['over']);
    expect(sockets).toHaveLength(1);
    expect(sockets[0]!.closed).toBe(true);
  });
});

describe('asking for the rooms', () => {
  it('begins at once for who sees nothing yet', async () => {
    const { told, last } = setup();
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['polling', 'polled']);
  });

  it('begins later for who sees a hallway, goes on, and stops when the socket is back', async () => {
    const { told, around, last } = live();
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(POLL - 1);
    expect(told).toEqual(['polling']);
    await vi.advanceTimersByTimeAsync(1 + POLL);
    expect(told).toEqual(['polling', 'polled', 'polled']);
    last().says(HALLWAY);
    await vi.advanceTimersByTimeAsync(SILENCE - 1);
    expect(told.slice(3)).toEqual(['live', 'said hallway']);
    expect(around.asked).toBe(2);
  });

  it('shows no answer that comes after the socket is back', async () => {
    let answer: (rooms: HallwayRoom[]) => void = () => undefined;
    const { told, last } = live(() => new Promise((resolve) => (answer = resolve)));
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(POLL);
    last().says(HALLWAY);
    answer([]);
    await vi.advanceTimersByTimeAsync(POLL);
    expect(told).toEqual(['polling', 'live', 'said hallway']);
  });

  it('does not happen while nobody looks', async () => {
    const { told, around, last } = live();
    around.visible = false;
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(3 * POLL);
    expect(told).toEqual(['polling']);
    around.visible = true;
    await vi.advanceTimersByTimeAsync(POLL);
    expect(told).toEqual(['polling', 'polled']);
  });

  it('says when it fails, and tries again', async () => {
    const { told, last } = live(() => Promise.reject(new ApiError('unreachable', '', 0)));
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(2 * POLL);
    expect(told).toEqual(['polling', 'stale unreachable', 'stale unreachable']);
  });

  it('finds out that nobody is signed in', async () => {
    const { told, sockets, last } = live(() => Promise.reject(new ApiError('signed_out', '', 401)));
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(POLL);
    expect(told).toEqual(['polling', 'over']);
    const before = sockets.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(before);
  });
});
