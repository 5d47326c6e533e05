/**
 * The talk that goes on: the one room this page is in, above all pages. It ties the control socket, the ears and the
 * microphone together and holds what the pages show.
 */

import { guests, type GuestSession } from '$lib/api/guests';
import { houses } from '$lib/api/houses';
import { api, ApiError, isPassing } from '$lib/api/client';
import { devices } from '$lib/audio/devices.svelte';
import { Ears } from '$lib/audio/ears';
import type { LegState } from '$lib/audio/keeper';
import { Microphone, type MicState } from '$lib/audio/microphone';
import type { Way } from '$lib/audio/route';
import { Volumes } from '$lib/audio/volumes';
import { newId } from '$lib/id';
import { notes } from '$lib/notes.svelte';
import { firstName } from '$lib/people/pattern';
import {
  onStage,
  type CallUp,
  type Command,
  type Events,
  type LegEndCode,
  type LegKind,
  type RecordingCause,
} from '$lib/protocol/types';
import { dates, microphoneTrouble, text } from '$lib/text';
import { hostOf, Taps } from './chatter';
import { Chatter } from './chatter.svelte';
import { Levels } from './levels';
import { Awake, LockScreen } from './lockscreen';
import { ownCallUps, without } from './callups';
import { agrees, canBeKept, stillAnswered } from './evidence';
import { SoundHealth } from './health.svelte';
import { newsOf, type News } from './news';
import { CONSENT_TEXT, outdated, ownConsent } from './recording';
import type { RoomState } from './reducer';
import { RoomSession, type Connection, type EndCode, type Socket } from './session';
import { OwnCaptions } from './speech.svelte';

/** After a lost control connection, a listen leg that receives nothing for so long, in ms, is made anew. */
const LISTEN_PATIENCE = 1_000;

/** The same for a publish leg, on which nothing arrives but answers to the browser's checks, one in 2.5 s: to make it
 * anew without need would interrupt the speaker. */
const PUBLISH_PATIENCE = 3_000;

/** For how long, in ms, sound may be missing before it is said; most legs are there within a fraction of it. */
const SOUND_PATIENCE = 3_000;

/** What has a place on the page, or a dialog of its own. */
const PLACED: ReadonlySet<News['kind']> = new Set([
  'invited',
  'guest_waits',
  'question_taken',
  'recording_asked',
  'stage_joined',
  'stage_left',
  'lines_on',
  'lines_off',
  'lines_slow',
  'timer_set',
  'timer_off',
  'link_pinned',
] as const);

/** A press of the microphone's button that comes sooner after the last, in ms, belongs to the same applause. */
const TAP_PAUSE = 1_000;

class Talk {
  /** The room that is entered, or was until `over`. */
  roomId = $state<string | null>(null);
  /** What is known of the room; stays to be shown while the connection is lost. */
  room = $state.raw<RoomState | null>(null);
  connection = $state<Connection>('over');
  /** When a full server is asked again, in ms since 1970; null while it is not full. */
  retryAt = $state<number | null>(null);
  /** Why the talk is over, or null while it goes on or before the first. */
  over = $state<EndCode | null>(null);
  /** The handle of the house whose rules are to be accepted first, when it is over with `house_rules`. */
  house = $state<string | null>(null);
  /** The pass of whoever is here as a guest, without an account; null for members. */
  guest = $state.raw<GuestSession | null>(null);
  /** Whom the member has called up and who has not answered; moderators see those of all in the room's state. */
  called = $state.raw<CallUp[]>([]);
  listening = $state<LegState>('off');
  /** By which way the sound comes, and whether that was nobody's choice. */
  way = $state<Way>('live');
  wayByItself = $state(false);
  /** The member has chosen the plain stream on this device. */
  plainChosen = $state(false);
  /** The sound has been missing for long enough to say so. */
  soundless = $state(false);
  mic = $state<MicState>('closed');
  /** The browser wants a gesture before it plays. */
  blocked = $state(false);
  /** The member has paused the sound, as on the locked screen. */
  held = $state(false);
  /** The member has said whether the last minute of what they say may be kept; until then they are asked on stage. */
  saidEvidence = $state(false);
  /** Why the last recording has stopped by itself, until somebody has read it. */
  recordingLost = $state<RecordingCause | null>(null);
  /** The numbers of those who speak now, loudest first. */
  speaking = $state.raw<number[]>([]);

  /** Faces register here to show who speaks. */
  readonly levels = new Levels(
    () => this.measure(),
    (speaking) => (this.speaking = speaking),
  );

  /** How loud each person is for the member on this device. */
  volumes = $state.raw(new Volumes(null, ''));
  /** How the sound does. */
  readonly health = new SoundHealth(
    () => this.stats(),
    () => this.blocked,
  );

  /** What goes on around the talk. */
  readonly chatter = new Chatter({
    aside: (message) => this.session?.aside(message) ?? false,
    line: (line) =>
      this.session?.line(line) ?? Promise.reject(new ApiError('not_in_room', 'not in the room', 0)),
    refresh: () => this.session?.refresh(),
  });
  /** What the member says, as captions for the others. */
  readonly ownCaptions = new OwnCaptions(
    (caption) =>
      this.room && this.session?.aside({ type: 'caption', number: this.room.you.number, ...caption }),
    () => notes.tell(text.around.captions.mineStopped),
  );

  private readonly taps = new Taps();
  private beforeTaps: MicState = 'closed';
  private tappedAt = -Infinity;
  private readonly lockScreen = new LockScreen({
    hangUp: () => this.leave(),
    play: (on) => (on ? this.unlock() : this.hold()),
    toggleMicrophone: () => this.toggleMic(),
  });
  private readonly awake = new Awake();
  private patience: ReturnType<typeof setTimeout> | undefined;
  private session: RoomSession | null = null;
  private ears: Ears | null = null;
  private microphone: Microphone | null = null;

  constructor() {
    if (typeof window === 'undefined') return;
    window.addEventListener('online', () => {
      this.session?.retryNow();
      this.ears?.networkChanged();
      this.microphone?.networkChanged();
    });
    window.addEventListener('offline', () => this.session?.networkGone());
    // Any gesture will do to let the sound in, not only the button that asks for one.
    for (const gesture of ['pointerdown', 'keydown']) {
      window.addEventListener(gesture, () => this.blocked && !this.held && this.unlock());
    }
    const talk = this;
    window.__roomtone = {
      get room() {
        return talk.room;
      },
      get listen() {
        return talk.ears?.pc ?? null;
      },
      get publish() {
        return talk.microphone?.pc ?? null;
      },
    };
  }

  /** Whether a room is entered and not over. */
  get on(): boolean {
    return this.roomId !== null && this.over === null;
  }

  /** Enters a room as the member `me` (an id); leaves the one before. Does nothing when already there. */
  enter(room: string, me: string): void {
    if (this.on && this.roomId === room) return;
    this.begin(room, me, null);
  }

  /** Knocks at the room of a pass, and enters once a moderator lets the guest in. */
  knock(pass: GuestSession): void {
    if (this.on && this.guest?.guest === pass.guest) return;
    this.begin(pass.room, pass.guest, pass);
  }

  private begin(room: string, me: string, pass: GuestSession | null): void {
    this.close();
    this.guest = pass;
    this.called = [];
    this.saidEvidence = false;
    this.recordingLost = null;
    this.roomId = room;
    // Guests are somebody else each time.
    this.volumes = new Volumes(pass ? null : ownStorage(), me);
    this.room = null;
    this.over = null;
    this.connection = 'connecting';
    const session = new RoomSession(
      me,
      {
        open: (since) => openSocket(room, since),
        refusal: () => (pass ? guestRefusal() : refusal(room, (house) => (this.house = house))),
        newId,
        random: Math.random,
      },
      {
        connection: (connection) => this.connected(connection),
        state: (state, before, batch) => this.changed(state, before, batch, me),
        legEnded: (leg, kind, code) => this.legEnded(leg, kind, code),
        waiting: (until, recording) => this.guest && (this.guest = { ...this.guest, until, recording }),
        full: (ms) => (this.retryAt = Date.now() + ms),
        over: (code) => this.ended(code),
        around: (message) => this.chatter.take(message),
      },
    );
    this.session = session;
    this.ears = new Ears({
      api,
      room,
      output: () => devices.output,
      leg: (state) => this.heard(state),
      blocked: (blocked) => (this.blocked = blocked),
      volume: (talker) => this.volumeOf(talker),
      people: () => this.room?.audience.count ?? 0,
      kept: ownStorage(),
      way: (way, itself) => {
        this.way = way;
        this.wayByItself = itself;
      },
      doubt: (doubtful) => this.microphone?.doubt(doubtful),
      moved: (protocol) => void this.microphone?.moved(protocol),
    });
    this.plainChosen = this.ears.plainChosen;
    this.microphone = new Microphone({
      api,
      room,
      capture: () => devices.openMicrophone(),
      music: () => devices.music,
      setMic: (open) => session.send({ type: 'set_mic', open }),
      changed: (state) => this.micChanged(state),
      failed: (error) =>
        notes.tell(error instanceof ApiError ? text.error(error.code) : microphoneTrouble(error), {
          matter: 'microphone',
        }),
    });
    session.start();
    this.levels.start();
    this.health.start();
  }

  /** Leaves quietly. */
  leave(): void {
    this.session?.leave();
  }

  /** Asks a full server again at once. */
  retryNow(): void {
    this.session?.retryNow();
  }

  /** Sends a command and tells a refusal. Whether it was done. */
  async act(command: Command): Promise<boolean> {
    if (!this.session) return false;
    try {
      await this.session.send(command);
      return true;
    } catch (error) {
      const code = error instanceof ApiError ? error.code : 'internal';
      // What was wanted is so already, or the talk is over and its page says so.
      if (code !== 'nothing_to_change' && this.on) notes.tell(text.error(code));
      return false;
    }
  }

  /** Stops calling somebody up. */
  async withdrawCallUp(member: string): Promise<void> {
    if (await this.act({ type: 'withdraw_call_up', member })) this.called = without(this.called, member);
  }

  /** Says whether the last minute of what the member says may be kept for reports. */
  async agreeEvidence(agree: boolean): Promise<void> {
    if (!(await this.act({ type: 'agree_evidence', agree }))) return;
    // Switched off meanwhile, or the stage was left: then it is not so.
    if (!this.room || !canBeKept(this.room) || agrees(this.room) !== agree) return;
    this.saidEvidence = true;
    const words = text.evidence.ask;
    notes.tell(agree ? words.agreed : words.refused, { matter: 'evidence' });
  }

  /** Says whether what the member says may be recorded. To agree is to agree to the question as this page asks it. */
  async consentRecording(agree: boolean): Promise<void> {
    const recording = this.room?.room.recording;
    if (!recording) return;
    const words = text.recording.ask;
    const old = agree && outdated(recording);
    if (old) return notes.tell(old === 'page' ? words.newWords : words.oldWords, { matter: 'recording' });
    const { replay } = recording;
    if (!(await this.act({ type: 'consent_recording', replay, text: CONSENT_TEXT, agree }))) return;
    // Switched off meanwhile, or the stage was left: then it is not so.
    if (!this.room || ownConsent(this.room) !== (agree ? 'agreed' : 'refused')) return;
    notes.tell(agree ? words.agreed : words.refused, { matter: 'recording' });
  }

  /** Opens or closes the microphone. */
  toggleMic(): void {
    if (!this.room || !onStage(this.room.you.role) || this.room.you.muted) return;
    if (this.mic === 'closed') void this.microphone?.open();
    else this.microphone?.close();
  }

  /** A press of the microphone's button. Three quick ones of a closed microphone are applause, and leave it closed. */
  pressMic(): void {
    const now = performance.now();
    if (now - this.tappedAt > TAP_PAUSE) this.beforeTaps = this.mic;
    this.tappedAt = now;
    if (!this.taps.press(now) || this.beforeTaps !== 'closed') return this.toggleMic();
    this.microphone?.close();
    this.chatter.react('applause');
    notes.tell(text.around.clapped, { shown: false, matter: 'applause' });
  }

  /** Opens the microphone for as long as a key is held, or closes it again. */
  holdMic(held: boolean): void {
    if (held === (this.mic === 'closed')) this.toggleMic();
  }

  /** The browser's figures about the listen leg and the publish leg; empty where there is none. */
  async stats(): Promise<[Record<string, unknown>[], Record<string, unknown>[]]> {
    const of = async (pc: RTCPeerConnection | null | undefined) =>
      pc ? [...((await pc.getStats()) as unknown as Map<string, Record<string, unknown>>).values()] : [];
    return [await of(this.ears?.pc), await of(this.microphone?.pc)];
  }

  /** Hears the room by the plain stream while in the audience, or live; remembered on this device. */
  choosePlain(plain: boolean): void {
    this.plainChosen = plain;
    this.ears?.choosePlain(plain);
  }

  /** Called from a gesture: lets the browser play. */
  unlock(): void {
    this.blocked = this.held = false;
    this.ears?.unlock();
    this.lockScreen.playing(true);
  }

  /** Stops the sound here until {@link unlock}; the member stays in the room. */
  hold(): void {
    if (!this.ears) return;
    this.blocked = this.held = true;
    this.ears.hold();
    this.lockScreen.playing(false);
  }

  /** Applies a device that was chosen. */
  deviceChosen(kind: 'input' | 'output'): void {
    if (kind === 'output') void this.ears?.output(devices.output).catch(() => undefined);
    else void this.microphone?.switchDevice();
  }

  /** Ends the talk without a word to the server, as when the member signs out. */
  close(): void {
    this.session?.leave();
    this.roomId = null;
    this.room = null;
    this.over = null;
  }

  private connected(connection: Connection): void {
    const again = this.connection === 'reconnecting' && connection === 'connected';
    this.connection = connection;
    if (connection !== 'full') this.retryAt = null;
    if (connection === 'connected') this.chatter.connected(again);
    if (!again) return;
    // The legs may have outlived the socket, or the server may have been started anew and know nothing of them.
    void this.ears?.check(LISTEN_PATIENCE);
    void this.microphone?.check(PUBLISH_PATIENCE);
  }

  private changed(state: RoomState, before: RoomState | null, batch: Events | null, me: string): void {
    this.room = state;
    this.ears?.onStage(onStage(state.you.role));
    if (!before) this.ears?.start();
    // The server has cut it already; the microphone itself must go dark at once as well.
    if (state.you.muted || !onStage(state.you.role)) this.microphone?.cut({ tell: false });
    this.saidEvidence = stillAnswered(this.saidEvidence, before, state, batch);
    for (const news of newsOf(before, state, batch, me, this.called)) {
      // What has a place on the page is only read out, also that a recording has stopped by itself.
      const lost = news.kind === 'recording_off' && news.cause !== 'host';
      const placed = PLACED.has(news.kind);
      const shown = !placed && !lost;
      const about = (['evidence', 'recording'] as const).find((one) => news.kind.startsWith(`${one}_`));
      const matter = about ?? ('who' in news || 'link' in news ? news.kind : 'you');
      if (lost) this.recordingLost = news.cause;
      if (news.kind === 'recording_on' || news.kind === 'recording_asked') this.recordingLost = null;
      notes.tell(inWords(news), { shown, matter });
    }
    this.called = ownCallUps(this.called, batch, me, Date.now());
    const speaker = onStage(state.you.role);
    this.lockScreen.show(
      state.room.title,
      state.stage.map((one) => one.person.name),
      speaker,
    );
    this.awake.want(speaker);
    this.ownCaptions.follow(this.mic === 'open', state.room.language);
  }

  private micChanged(state: MicState): void {
    this.mic = state;
    if (state === 'open') notes.settle('microphone');
    this.lockScreen.microphone(state === 'open');
    this.ownCaptions.follow(state === 'open', this.room?.room.language ?? 'en');
  }

  private heard(state: LegState): void {
    if (this.listening === 'up' && state === 'trying') this.session?.doubt();
    this.listening = state;
    clearTimeout(this.patience);
    this.soundless = false;
    if (state === 'trying') this.patience = setTimeout(() => (this.soundless = true), SOUND_PATIENCE);
  }

  private legEnded(leg: string, kind: LegKind, code: LegEndCode): void {
    if (kind === 'publish') this.microphone?.legEnded(leg, code);
    // Another player of this member has taken the sound: the newest wins, and the two must not take turns.
    else if (code === 'replaced' && this.ears?.holds(leg)) this.session?.giveWay();
    else this.ears?.legEnded(leg);
  }

  private ended(code: EndCode): void {
    this.microphone?.cut({ tell: false });
    this.ears?.stop();
    this.levels.stop();
    this.health.stop();
    this.session = this.ears = this.microphone = null;
    this.connection = 'over';
    this.over = code;
    this.blocked = this.held = false;
    this.way = 'live';
    this.chatter.reset();
    this.ownCaptions.want(false);
    this.lockScreen.clear();
    this.awake.want(false);
  }

  private volumeOf(talker: number): number {
    const who = this.room?.stage.find(({ number }) => number === talker);
    return who ? this.volumes.of(who.person.id) : 1;
  }

  private measure(): { talker: number; level: number }[] {
    const heard = this.ears?.heard(performance.now()) ?? [];
    const own = this.microphone?.level() ?? 0;
    return this.room && this.mic === 'open'
      ? [...heard, { talker: this.room.you.number, level: own }]
      : heard;
  }
}

export const talk = new Talk();

/** What browsers keep for a page; null where they refuse to. */
function ownStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function openSocket(room: string, since: number | null): Socket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const query = since === null ? '' : `?since=${since}`;
  return new WebSocket(
    `${scheme}://${location.host}/api/rooms/${encodeURIComponent(room)}/ws${query}`,
  ) as Socket;
}

/** Why a guest cannot come in, as far as their pass tells. */
async function guestRefusal(): Promise<EndCode | null> {
  try {
    await guests.current();
    return null;
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? 'pass_ended' : null;
  }
}

async function refusal(room: string, ofHouse: (handle: string) => void): Promise<EndCode | null> {
  try {
    const { house } = await api.room(room);
    if (!house) return null;
    // Whoever may know of the room may not yet come into it.
    const { role, rules_seen } = await houses.get(house.handle);
    if (rules_seen && (role === 'member' || role === 'admin')) return null;
    ofHouse(house.handle);
    return 'house_rules';
  } catch (error) {
    if (!(error instanceof ApiError) || isPassing(error)) return null;
    if (error.code === 'room_ended') return 'room_ended';
    if (error.status === 401) return 'signed_out';
    if (error.code === 'banned') return 'banned';
    return error.status === 404 || error.status === 400 ? 'not_found' : null;
  }
}

function inWords(news: News): string {
  const words = text.news;
  switch (news.kind) {
    case 'invited':
      return words.invited(firstName(news.by.name));
    case 'invitation_withdrawn':
    case 'hand_declined':
      return words[news.kind];
    case 'stage_locked':
    case 'stage_unlocked':
    case 'lines_on':
    case 'lines_off':
    case 'timer_off':
    case 'you_lead':
      return words[news.kind];
    case 'lines_slow':
      return words.lines_slow(news.seconds);
    case 'timer_set':
      return words.timer_set(dates.clock(news.until));
    case 'link_pinned':
      return words.link_pinned(news.link.label || hostOf(news.link.url));
    case 'evidence_on':
      return text.evidence.news.on;
    case 'evidence_off':
      return text.evidence.news.off;
    case 'evidence_asked':
      return text.evidence.news.asked;
    case 'recording_on':
      return text.recording.news.on[news.to];
    case 'recording_asked':
      return text.recording.news.asked;
    case 'recording_off':
      return text.recording.news[news.cause === 'host' ? 'off' : news.cause];
    case 'hands_ruled':
      return words.hands_ruled[news.rule];
    case 'widened':
      return words.widened[news.to];
    case 'renamed_room':
      return words.renamed_room(news.title);
    case 'question_taken':
      return text.terms.questions.news(news.who.name, news.question);
    case 'leads':
    case 'banned':
    case 'hand_raised':
    case 'new_host':
    case 'stage_joined':
    case 'stage_left':
    case 'guest_waits':
    case 'call_declined':
    case 'call_expired':
      return words[news.kind](firstName(news.who.name));
    default:
      return words[news.kind](news.by ? firstName(news.by.name) : null);
  }
}
