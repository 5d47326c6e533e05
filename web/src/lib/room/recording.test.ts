import { describe, expect, it } from 'vitest';
import type { Recording, RoomEvent } from '$lib/protocol/types';
import { benBecomes, numbered, participant, snapshot } from './fixtures';
import { newsOf } from './news';
import {
  CONSENT_TEXT,
  hearersOf,
  isAsked,
  newlyAsked,
  outdated,
  ownConsent,
  recordedIn,
  unrecordedIn,
} from './recording';
import { foldBatch, fromSnapshot, type RoomState } from './reducer';

const me = 'id-ben';
const recording: Recording = { replay: 'replay', to: 'members', text: 1, since: 1_500 };
const begun = (by = 'id-ada', more: Partial<Recording> = {}): RoomEvent => ({
  type: 'recording_begun',
  recording: { ...recording, ...more },
  by,
});
const stopped = (by: string | null, cause: 'host' | 'disk_full' | 'failed' = 'host'): RoomEvent => ({
  type: 'recording_stopped',
  replay: 'replay',
  by,
  cause,
});
const says = (handle: string, agree: boolean): RoomEvent => ({
  type: 'recording_consent',
  member: `id-${handle}`,
  agree,
});

/** The state after events that follow `state`. */
function after(state: RoomState, ...events: RoomEvent[]): RoomState {
  const seq = state.seq + events.length;
  const batch = { after: state.seq, seq, events: numbered(state.seq + 1, ...events), audience_count: 2 };
  return foldBatch(state, batch, me)!;
}

const start = fromSnapshot(snapshot());
const onStage = after(start, benBecomes('speaker', 1));
const picture = (state: RoomState) =>
  [...state.stage, ...state.audience.first].map((one) => `${one.person.handle}:${one.recorded}`).join(' ');

describe('a recording', () => {
  it('is not agreed to in other words than those that are shown', () => {
    const which = [CONSENT_TEXT, CONSENT_TEXT + 1, CONSENT_TEXT - 1].map((text) =>
      outdated({ ...recording, text }),
    );
    expect(which).toEqual([null, 'page', 'recording']);
  });

  it('asks everybody on stage, and nobody else', () => {
    expect(picture(after(start, begun()))).toBe('ada:asked ben:unasked chen:unasked');
    expect(picture(after(onStage, begun()))).toBe('ada:asked ben:asked chen:unasked');
  });

  it('asks whoever comes on stage, and again when they come back', () => {
    const there = after(start, begun(), benBecomes('speaker', 1), says('ben', true));
    expect(ownConsent(there)).toBe('agreed');
    const gone = after(there, benBecomes('listener', 2));
    expect([ownConsent(gone), picture(gone)]).toEqual(['unasked', 'ada:asked ben:unasked chen:unasked']);
    expect(ownConsent(after(gone, benBecomes('speaker', 3)))).toBe('asked');
  });

  it('keeps what somebody said through another role on stage', () => {
    const agreed = after(onStage, begun(), says('ben', true));
    expect(ownConsent(after(agreed, benBecomes('moderator', 2)))).toBe('agreed');
    const refused = after(onStage, begun(), says('ben', false));
    expect([ownConsent(after(refused, benBecomes('moderator', 2))), isAsked(refused)]).toEqual([
      'refused',
      false,
    ]);
  });

  it('has those who agreed, until they take it back or it stops', () => {
    const both = after(onStage, begun(), says('ben', true), says('ada', true));
    const names = (list: { person: { handle: string } }[]) => list.map(({ person }) => person.handle);
    expect(names(recordedIn(both))).toEqual(['ada', 'ben']);
    const back = after(both, says('ben', false));
    expect([names(recordedIn(back)), names(unrecordedIn(back))]).toEqual([['ada'], ['ben']]);
    const over = after(both, stopped('id-ada'));
    expect([recordedIn(over), unrecordedIn(over), picture(over)]).toEqual([
      [],
      [],
      'ada:unasked ben:unasked chen:unasked',
    ]);
    // Its replay can be found afterwards.
    expect([start.replay, both.replay, over.replay, fromSnapshot(snapshot(), over).replay]).toEqual([
      null,
      'replay',
      'replay',
      'replay',
    ]);
    // A new one asks anew.
    expect(ownConsent(after(over, begun('id-ada', { replay: 'second' })))).toBe('asked');
  });
});

describe('being asked', () => {
  const asked = after(onStage, begun());

  it('is new once for each recording', () => {
    expect(newlyAsked(onStage, asked)).toBe(true);
    expect(newlyAsked(null, asked)).toBe(true);
    expect(newlyAsked(asked, asked)).toBe(false);
    expect(newlyAsked(asked, after(asked, says('ben', true)))).toBe(false);
    const again = after(asked, stopped('id-ada'), begun('id-ada', { replay: 'second' }));
    expect(newlyAsked(asked, again)).toBe(true);
    expect(newlyAsked(start, after(start, begun()))).toBe(false);
  });
});

describe('what is told', () => {
  const told = (before: RoomState, event: RoomEvent) => {
    const batch = {
      after: before.seq,
      seq: before.seq + 1,
      events: numbered(before.seq + 1, event),
      audience_count: 2,
    };
    return newsOf(before, foldBatch(before, batch, me)!, batch, me);
  };

  it('is the recording to a listener, and the question to somebody on stage', () => {
    expect(told(start, begun())).toEqual([{ kind: 'recording_on', to: 'members' }]);
    expect(told(onStage, begun())).toEqual([{ kind: 'recording_asked' }]);
  });

  it('is its end, and why', () => {
    const on = after(start, begun());
    expect(told(on, stopped('id-ada'))).toEqual([{ kind: 'recording_off', cause: 'host' }]);
    expect(told(on, stopped(null, 'disk_full'))).toEqual([{ kind: 'recording_off', cause: 'disk_full' }]);
    expect(told(on, stopped(me))).toEqual([]);
    expect(told(after(onStage, begun()), says('ada', true))).toEqual([]);
  });

  it('is found by a snapshot too', () => {
    const on = fromSnapshot(snapshot({ room: { ...start.room, recording } }));
    expect(newsOf(null, on, null, me)).toEqual([{ kind: 'recording_on', to: 'members' }]);
    expect(newsOf(start, on, null, me)).toEqual([{ kind: 'recording_on', to: 'members' }]);
    expect(newsOf(on, on, null, me)).toEqual([]);
    expect(newsOf(on, start, null, me)).toEqual([{ kind: 'recording_off', cause: 'host' }]);
    const ben = participant('ben', 2, { role: 'speaker', recorded: 'asked' });
    const asked = fromSnapshot(
      snapshot({
        room: { ...start.room, recording },
        you: { ...start.you, role: 'speaker' },
        stage: [...start.stage, ben],
      }),
    );
    expect(newsOf(null, asked, null, me)).toEqual([{ kind: 'recording_asked' }]);
  });
});

it('is for few where few hear it', () => {
  expect(hearersOf('open')).toEqual(['everyone', 'members', 'attendees']);
  expect(hearersOf('social')).toEqual(['attendees']);
  expect(hearersOf('closed')).toEqual(['attendees']);
});
