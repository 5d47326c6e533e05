import { afterEach, expect, it, vi } from 'vitest';
import { LockScreen } from './lockscreen';

/** A system with these keys, what it shows, and what its keys do. */
function system(keys = ['pause', 'play', 'hangup', 'togglemicrophone']) {
  const handlers: Record<string, (() => void) | null> = {};
  const session = {
    metadata: null as { title: string; artist: string } | null,
    playbackState: 'none',
    setActionHandler(action: string, handler: (() => void) | null) {
      if (!keys.includes(action)) throw new TypeError(`no such action: ${action}`);
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
  const done: string[] = [];
  const screen = new LockScreen({
    hangUp: () => done.push('hang up'),
    play: (on) => done.push(on ? 'play' : 'pause'),
    toggleMicrophone: () => done.push('microphone'),
  });
  return { handlers, session, done, screen };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it('takes the keys of the system, so that it does not pause by itself what plays', () => {
  const { handlers, session, done, screen } = system();
  screen.show('Rust', ['Ada', 'Ben'], true);
  expect([session.metadata?.title, session.metadata?.artist]).toEqual(['Rust', 'Ada, Ben']);
  for (const key of ['pause', 'play', 'togglemicrophone', 'hangup']) handlers[key]?.();
  expect(done).toEqual(['pause', 'play', 'microphone', 'hang up']);
  screen.playing(false);
  expect(session.playbackState).toBe('paused');
  screen.playing(true);
  expect(session.playbackState).toBe('playing');
});

it('gives a microphone only to who speaks, and gives all back at the end', () => {
  const { handlers, session, screen } = system();
  screen.show('Rust', ['Ada'], false);
  expect(handlers.togglemicrophone).toBeNull();
  screen.playing(true);
  screen.clear();
  expect(Object.values(handlers)).toEqual([null, null, null, null]);
  expect([session.metadata, session.playbackState]).toEqual([null, 'none']);
});

it('does without keys that a system does not have', () => {
  const { handlers, screen } = system(['play', 'pause']);
  screen.show('Rust', ['Ada'], true);
  expect(Object.keys(handlers).sort()).toEqual(['pause', 'play']);
});
