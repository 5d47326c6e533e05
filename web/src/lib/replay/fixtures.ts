/** A talk for tests: Ada and Ben for a minute and a half, with a silence in the middle. */

import type { Picture, Replay } from '$lib/api/replays';
import { person } from '$lib/room/fixtures';

export function picture(more: Partial<Picture> = {}): Picture {
  return {
    ms: 90_000,
    step_ms: 250,
    wave: Array.from({ length: 360 }, (_, i) => (i >= 160 && i < 200 ? 0 : 180 + (i % 7) * 10)),
    speakers: [
      {
        n: 1,
        ms: 43_000,
        spans: [
          [0, 12_000],
          [13_000, 20_000],
          [25_000, 25_800],
          [50_000, 74_000],
        ],
      },
      {
        n: 2,
        ms: 36_000,
        spans: [
          [20_500, 40_000],
          [74_000, 90_000],
        ],
      },
    ],
    chapters: [
      { at_ms: 0, title: null, by: 'start', speaker: 1 },
      { at_ms: 50_000, title: 'After the pause', by: 'silence', speaker: 1 },
      { at_ms: 74_000, title: null, by: 'speaker', speaker: 2 },
    ],
    silences: [[40_000, 50_000]],
    ...more,
  };
}

export function replay(more: Partial<Replay> = {}): Replay {
  const speaker = { guest: false, withdrawn: false, mine: false, url: null };
  const [ada, ben] = ['ada', 'ben'].map(person);
  return {
    id: 'replay',
    room: 'room',
    title: 'Rust and other pastimes',
    host: ada!,
    house: null,
    language: 'en',
    topics: [],
    hearers: 'everyone',
    state: 'ready',
    progress: 100,
    began_at: 0,
    ms: 90_000,
    faces: [ada!, ben!],
    spoke: 2,
    generation: 1,
    ended_at: 90_000,
    expires_at: null,
    speakers: [
      { ...speaker, n: 1, name: 'Ada Lovelace', person: ada!, ms: 43_000 },
      { ...speaker, n: 2, name: 'Ben', person: ben!, ms: 36_000 },
    ],
    picture: picture(),
    marks: [],
    invitation: null,
    event: null,
    audio: [{ type: 'audio/ogg; codecs=opus', url: '/api/replays/replay/audio.ogg?g=1' }],
    replies: 0,
    clips: 0,
    links: 0,
    can: [],
    ...more,
  };
}
