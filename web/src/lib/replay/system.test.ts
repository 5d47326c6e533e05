import { afterEach, expect, it, vi } from 'vitest';
import { Buttons } from './system';

/** A system with these buttons, what it shows, and what its buttons do. */
function system(missing: string[] = []) {
  const handlers: Record<string, MediaSessionActionHandler | null> = {};
  const session = {
    metadata: null as { title: string } | null,
    playbackState: 'none',
    setActionHandler(action: string, handler: MediaSessionActionHandler | null) {
      if (missing.includes(action)) throw new TypeError(`no such action: ${action}`);
      handlers[action] = handler;
    },
  };
  vi.stubGlobal('navigator', { mediaSession: session });
  vi.stubGlobal(
    'MediaMetadata',
    class {
      constructor(data: object) {
        Object.assign(this, data);
      }
    },
  );
  const done: (string | number)[] = [];
  const buttons = new Buttons(
    (deed) => done.push(deed),
    (ms) => done.push(ms),
  );
  const press = (action: MediaSessionAction, more = {}) => handlers[action]?.({ action, ...more });
  return { handlers, session, done, buttons, press };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it('pauses when the system says so, however often, and plays when it says that', () => {
  const { buttons, done, press } = system();
  buttons.show('A talk', 'Ada');
  for (const action of ['pause', 'pause', 'stop', 'play', 'play'] as const) press(action);
  expect(done).toEqual(['pause', 'pause', 'pause', 'begin', 'begin']);
});

it('goes to where the bar of the system is dragged', () => {
  const { buttons, done, press } = system();
  buttons.show('A talk', 'Ada');
  press('seekto', { seekTime: 12.5 });
  press('seekto');
  expect(done).toEqual([12_500]);
});

it('does without buttons that a system does not have, and gives all back', () => {
  const { buttons, done, handlers, press, session } = system(['stop', 'seekto']);
  buttons.show('A talk', 'Ada');
  expect(session.metadata?.title).toBe('A talk');
  press('nexttrack');
  expect(done).toEqual(['next']);
  buttons.clear();
  expect(Object.values(handlers).every((handler) => handler === null)).toBe(true);
  expect([session.metadata, session.playbackState]).toEqual([null, 'none']);
});
