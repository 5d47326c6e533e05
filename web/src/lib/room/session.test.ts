import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/client';
import type { ClientMessage, Command, ServerMessage } from '$lib/protocol/types';
import { numbered, snapshot } from './fixtures';
import { DOUBT, FULL_WAIT, LONGEST_WAIT, RoomSession, SILENCE, type EndCode, type Socket } from './session';

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: ClientMessage[] = [];
  closed = false;

  constructor(readonly since: number | null) {}

  send(text: string) {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }
  close() {
    this.closed = true;
  }
  says(message: ServerMessage) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

/** A session with everything around it in the test's hands. */
function setup(refusal: EndCode | null = null) {
  const sockets: FakeSocket[] = [];
  const told: string[] = [];
  let ids = 0;
  const session = new RoomSession(
    'id-ben',
    {
      open: (since) => {
        const socket = new FakeSocket(since);
        sockets.push(socket);
        return socket;
      },
      refusal: () => Promise.resolve(refusal),
      newId: () => `c${ids++}`,
      random: () => 1,
    },
    {
      connection: (connection) => told.push(connection),
      state: (state, before, batch) =>
        told.push(`${batch ? 'events' : 'snapshot'} ${before?.seq ?? '-'}>${state.seq}`),
      legEnded: (leg, kind, code) => told.push(`leg ${leg} ${kind} ${code}`),
      waiting: (until, recording) =>
        told.push(`waits until ${until}${recording ? `, recorded: ${recording}` : ''}`),
      full: (ms) => told.push(`full ${ms}`),
      over: (code) => told.push(`over ${code}`),
      around: (message) => message.type !== 'snapshot' && told.push(message.type),
    },
  );
  session.start();
  return { session, sockets, told, last: () => sockets.at(-1)! };
}

/** The same, already in the room at number 10. */
function inRoom() {
  const all = setup();
  all.last().onopen?.();
  all.last().says({ type: 'snapshot', ...snapshot() });
  all.told.length = 0;
  return all;
}

function events(after: number, seq: number): ServerMessage {
  return {
    type: 'events',
    after,
    seq,
    audience_count: 2,
    events: numbered(seq, { type: 'ended', by: null }),
  };
}

const LOWER: Command = { type: 'lower_hand' };

/** How a command was settled: its number, or its code. */
function outcome(sent: Promise<number>): Promise<number | string> {
  return sent.catch((error: unknown) => (error as ApiError).code);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('connecting', () => {
  it('is connected once the snapshot is there', () => {
    const { told, last } = setup();
    last().onopen?.();
    expect(told).toEqual([]);
    last().says({ type: 'snapshot', ...snapshot() });
    expect(told).toEqual(['snapshot ->10', 'connected']);
  });

  it('waits as a guest until it is let in', () => {
    const { told, last } = setup();
    last().onopen?.();
    last().says({ type: 'waiting', until: 9_000, recording: null });
    vi.advanceTimersByTime(SILENCE - 1);
    // Meanwhile the talk begins to be recorded.
    last().says({ type: 'waiting', until: 9_000, recording: 'members' });
    last().says({ type: 'snapshot', ...snapshot() });
    const waits = ['waiting', 'waits until 9000', 'waits until 9000, recorded: members'];
    expect(told).toEqual([...waits, 'snapshot ->10', 'connected']);
  });

  it('knocks again as a guest whose connection was lost, and goes away when they are turned away', () => {
    const { told, last, sockets } = setup();
    last().says({ type: 'waiting', until: 9_000, recording: null });
    last().onclose?.();
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(2);
    last().says({ type: 'waiting', until: 9_000, recording: null });
    last().says({ type: 'bye', code: 'turned_away', message: '' });
    const wait = ['waiting', 'waits until 9000'];
    expect(told).toEqual([...wait, 'reconnecting', ...wait, 'over', 'over turned_away']);
    expect(sockets[1]!.closed).toBe(true);
  });

  it('does not trust a connection on which it waited when the network is gone', () => {
    const { session, told, last } = setup();
    last().says({ type: 'waiting', until: 9_000, recording: null });
    session.networkGone();
    expect(told.at(-1)).toBe('reconnecting');
  });

  it('gives up waiting without a command that nobody would take', () => {
    const { session, told, last } = setup();
    last().says({ type: 'waiting', until: 9_000, recording: null });
    session.leave();
    expect(last().sent).toEqual([]);
    expect(told.slice(-2)).toEqual(['over', 'over left']);
  });

  it('resumes from its number and is connected at once', () => {
    const { told, last, sockets } = inRoom();
    last().onclose?.();
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(2);
    expect(last().since).toBe(10);
    last().onopen?.();
    last().says(events(10, 12));
    expect(told).toEqual(['reconnecting', 'connected', 'events 10>12']);
  });

  it('waits longer each time, but never longer than the cap', () => {
    const { sockets, last } = inRoom();
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
    expect(waits).toEqual([250, 500, 1000, 2000, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]);
  });

  it('takes a long silence for the end of the socket, and any message for life', () => {
    const { sockets, last } = inRoom();
    vi.advanceTimersByTime(SILENCE - 1);
    last().says({ type: 'beat' });
    vi.advanceTimersByTime(SILENCE - 1);
    expect(sockets[0]!.closed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(sockets[0]!.closed).toBe(true);
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(2);
  });

  it('gives up an attempt that hangs', () => {
    const { sockets, last } = inRoom();
    last().onclose?.();
    vi.advanceTimersByTime(250 + 8_000 + 500);
    expect(sockets).toHaveLength(3);
  });

  it('does not wait for a socket in a network that is gone', () => {
    const { session, sockets, told, last } = inRoom();
    session.networkGone();
    expect(told).toEqual(['reconnecting']);
    expect(sockets[0]!.closed).toBe(true);
    session.networkGone();
    session.retryNow();
    last().onopen?.();
    expect(told).toEqual(['reconnecting', 'connected']);
    expect(sockets).toHaveLength(2);
  });

  it('asks a socket in doubt for a sign of life, and keeps it when there is one', () => {
    const { session, sockets, told, last } = inRoom();
    session.doubt();
    expect(last().sent).toEqual([{ type: 'resync' }]);
    vi.advanceTimersByTime(DOUBT - 1);
    last().says({ type: 'snapshot', ...snapshot() });
    vi.advanceTimersByTime(DOUBT);
    expect(told).toEqual(['snapshot 10>10']);
    expect(sockets).toHaveLength(1);
  });

  it.each(['doubt', 'retryNow'] as const)(
    'takes a socket in doubt (%s) for dead without a sign of life',
    (act) => {
      const { session, sockets, told } = inRoom();
      session[act]();
      vi.advanceTimersByTime(DOUBT);
      expect(told).toEqual(['reconnecting']);
      vi.advanceTimersByTime(250);
      expect(sockets).toHaveLength(2);
    },
  );

  it('tries at once when the network is back', () => {
    const { session, sockets, last } = inRoom();
    last().onclose?.();
    session.retryNow();
    expect(sockets).toHaveLength(2);
    session.retryNow();
    last().onopen?.();
    session.retryNow();
    expect(sockets).toHaveLength(3);
  });

  it('says why a room cannot be entered, and stops', async () => {
    const { session, sockets, told, last } = setup('not_found');
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told.at(-1)).toBe('over not_found');
    expect(session.connection).toBe('over');
    expect(sockets.length).toBeLessThanOrEqual(2);
  });

  it('keeps trying while nobody knows why', async () => {
    const { sockets, last } = setup(null);
    for (let i = 0; i < 5; i++) {
      last().onclose?.();
      await vi.advanceTimersByTimeAsync(LONGEST_WAIT);
    }
    expect(sockets).toHaveLength(6);
  });
});

describe('a full server', () => {
  const full = (retry_after?: number): ServerMessage => ({
    type: 'bye',
    code: 'server_full',
    message: '',
    ...(retry_after === undefined ? {} : { retry_after }),
  });

  it('is asked again when it wants to be, and a little later, until it lets in', () => {
    const { sockets, told, last } = setup();
    last().onopen?.();
    last().says(full(12));
    expect(sockets[0]!.closed).toBe(true);
    vi.advanceTimersByTime(15_000 - 1);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    last().onopen?.();
    last().says(full(4));
    vi.advanceTimersByTime(5_000);
    last().onopen?.();
    last().says({ type: 'snapshot', ...snapshot() });
    expect(told).toEqual(['full', 'full 15000', 'full 5000', 'snapshot ->10', 'connected']);
    expect(sockets).toHaveLength(3);
  });

  it.each([
    [undefined, FULL_WAIT],
    [0, 1],
    [86_400, 60],
  ])('is asked after a while within reason, also when it says %s', (seconds, waited) => {
    const { told, last } = setup();
    last().says(full(seconds));
    expect(told.at(-1)).toBe(`full ${waited * 1_250}`);
  });

  it('can be asked at once, and left for good', () => {
    const { session, sockets, told, last } = setup();
    last().says(full(12));
    session.retryNow();
    expect(sockets).toHaveLength(2);
    last().says(full(12));
    session.leave();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(2);
    expect(told.slice(-2)).toEqual(['over', 'over left']);
  });

  it('lets somebody back in who was there before, and not before it has said so', () => {
    const { told, last } = inRoom();
    last().onclose?.();
    vi.advanceTimersByTime(250);
    last().says(full(4));
    vi.advanceTimersByTime(5_000);
    last().onopen?.();
    expect(told).toEqual(['reconnecting', 'full', 'full 5000']);
    last().says(events(10, 12));
    expect(told.slice(3)).toEqual(['events 10>12', 'connected']);
  });
});

describe('events', () => {
  it('asks once for a snapshot after a gap, and goes on from it', () => {
    const { told, last } = inRoom();
    last().says(events(12, 13));
    last().says(events(13, 14));
    expect(last().sent).toEqual([{ type: 'resync' }]);
    last().says({ type: 'snapshot', ...snapshot({ seq: 14 }) });
    last().says(events(14, 15));
    expect(told).toEqual(['snapshot 10>14', 'events 14>15']);
  });

  it('passes on what happens to legs', () => {
    const { told, last } = inRoom();
    last().says({ type: 'leg_ended', leg: 'l1', kind: 'publish', code: 'not_allowed' });
    expect(told).toEqual(['leg l1 publish not_allowed']);
  });

  it.each(['{', '[]', '"x"', 'null', '{"no":"type"}', '{"type":"news"}'])('ignores %s', (text) => {
    const { told, last } = inRoom();
    last().onmessage?.({ data: text });
    last().onmessage?.({ data: new ArrayBuffer(3) });
    expect(told).toEqual([]);
  });
});

describe('commands', () => {
  it('are settled by their answers', async () => {
    const { session, last } = inRoom();
    const good = outcome(session.send(LOWER));
    const bad = outcome(session.send(LOWER));
    expect(last().sent).toEqual([
      { type: 'command', id: 'c0', role_epoch: 0, command: LOWER },
      { type: 'command', id: 'c1', role_epoch: 0, command: LOWER },
    ]);
    last().says({ type: 'answer', id: 'c1', error: { code: 'no_hand', message: '' } });
    last().says({ type: 'answer', id: 'c0', seq: 11 });
    last().says({ type: 'answer', id: 'c0', seq: 99 });
    expect([await good, await bad]).toEqual([11, 'no_hand']);
  });

  it('are sent again, under the same id, when the answer was lost', async () => {
    const { session, last } = inRoom();
    const sent = outcome(session.send(LOWER));
    const frame = last().sent[0];
    last().onclose?.();
    const late = outcome(session.send(LOWER));
    vi.advanceTimersByTime(250);
    last().onopen?.();
    expect(last().sent).toEqual([frame, { type: 'command', id: 'c1', role_epoch: 0, command: LOWER }]);
    last().says({ type: 'answer', id: 'c0', seq: 11 });
    last().says({ type: 'answer', id: 'c1', seq: 12 });
    expect([await sent, await late]).toEqual([11, 12]);
  });

  it('are refused outside a room and when too many wait', async () => {
    expect(await outcome(setup().session.send(LOWER))).toBe('not_in_room');
    const { session } = inRoom();
    const all = Array.from({ length: 65 }, () => outcome(session.send(LOWER)));
    expect(await all[64]).toBe('busy');
  });
});

describe('the end', () => {
  it.each(['replaced', 'elsewhere', 'removed', 'room_ended', 'session_ended'] as const)(
    'by %s is final',
    async (code) => {
      const { session, sockets, told, last } = inRoom();
      const sent = outcome(session.send(LOWER));
      last().says({ type: 'bye', code, message: '' });
      expect(told).toEqual(['over', `over ${code}`]);
      expect(await sent).toBe('not_in_room');
      session.retryNow();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(sockets).toHaveLength(1);
    },
  );

  it.each(['too_slow', 'shutting_down'] as const)('by %s is not: it comes again', (code) => {
    const { sockets, told, last } = inRoom();
    last().says({ type: 'bye', code, message: '' });
    last().onclose?.();
    vi.advanceTimersByTime(250);
    expect(told).toEqual(['reconnecting']);
    expect(sockets).toHaveLength(2);
  });

  it('by giving way says nothing', () => {
    const { session, sockets, told } = inRoom();
    session.giveWay();
    expect(sockets[0]!.sent).toEqual([]);
    expect(told).toEqual(['over', 'over replaced']);
  });

  it('by leaving tells the server', () => {
    const { session, sockets, told } = inRoom();
    session.leave();
    session.leave();
    expect(sockets[0]!.sent).toEqual([
      { type: 'command', id: 'c0', role_epoch: 0, command: { type: 'leave' } },
    ]);
    expect(sockets[0]!.closed).toBe(true);
    expect(told).toEqual(['over', 'over left']);
  });
});

describe('around the talk', () => {
  it('hands on what goes on there', () => {
    const { told, last } = inRoom();
    last().says({ type: 'chatter', reactions: [], on_stage: [], lines: [], removed: [] });
    last().says({ type: 'captions', captions: [] });
    expect(told).toEqual(['chatter', 'captions']);
  });

  it('settles a line by its answer', async () => {
    const { session, last } = inRoom();
    const said = session.line({ type: 'say', text: 'hello' });
    expect(last().sent.at(-1)).toEqual({ type: 'say', id: 'c0', text: 'hello' });
    last().says({ type: 'answer', id: 'c0', seq: 10 });
    expect(await outcome(said)).toBe(10);
  });

  it('does not write a line twice when the connection is lost before the answer', async () => {
    const { session, sockets, last } = inRoom();
    const said = session.line({ type: 'say', text: 'hello' });
    last().onclose?.();
    expect(await outcome(said)).toBe('unreachable');
    vi.advanceTimersByTime(250);
    last().onopen?.();
    expect(sockets).toHaveLength(2);
    expect(last().sent).toEqual([]);
    last().onclose?.();
    expect(await outcome(session.line({ type: 'remove_line', line: 1 }))).toBe('unreachable');
    expect(session.aside({ type: 'react', kind: 'heart' })).toBe(false);
  });
});
