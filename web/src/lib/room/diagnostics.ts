/** How the sound does, from the browser's own figures. Pure. */

/** One look at the figures of both legs: counts since their beginning. */
export interface Figures {
  received: number;
  lost: number;
  samples: number;
  concealed: number;
  /** Worst jitter of the slots that receive, in s. */
  jitter: number | null;
  /** To the server and back, in s. */
  rtt: number | null;
  transport: 'udp' | 'tcp' | null;
  /** Share of the own sound that was lost on its way, as the server told; null when nothing is sent. */
  lossOut: number | null;
}

/** What is shown, of the time between two looks. Shares are 0 to 1, times in ms. */
export interface Health {
  transport: 'udp' | 'tcp' | null;
  rtt: number | null;
  jitter: number | null;
  lossIn: number | null;
  concealed: number | null;
  lossOut: number | null;
  verdict: Verdict;
}

export type Verdict = 'good' | 'none' | 'loss' | 'jitter' | 'slow' | 'tcp' | 'blocked';

/** From here on people notice: what retransmission and redundancy do not mend. */
const LOSS = 0.05;
const CONCEALED = 0.03;
const JITTER = 40;
const SLOW = 400;

type Report = Record<string, unknown>;
const number = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : null);

/** Reads the reports of the listen leg and the publish leg; either may be missing. */
export function figures(listen: Iterable<Report>, publish: Iterable<Report>): Figures {
  const found: Figures = {
    received: 0,
    lost: 0,
    samples: 0,
    concealed: 0,
    jitter: null,
    rtt: null,
    transport: null,
    lossOut: null,
  };
  const all = [...listen];
  const byId = new Map(all.map((report) => [String(report.id), report]));
  const transport = all.find((report) => report.type === 'transport' && report.selectedCandidatePairId);
  // Firefox names the pair in use on the pair itself.
  const pair = transport
    ? byId.get(String(transport.selectedCandidatePairId))
    : all.find((report) => report.type === 'candidate-pair' && report.selected);
  found.rtt = number(pair?.currentRoundTripTime);
  const protocol = byId.get(String(pair?.remoteCandidateId))?.protocol;
  found.transport = protocol === 'udp' || protocol === 'tcp' ? protocol : null;
  for (const report of all) {
    if (report.type !== 'inbound-rtp') continue;
    const received = number(report.packetsReceived) ?? 0;
    found.received += received;
    found.lost += Math.max(0, number(report.packetsLost) ?? 0);
    found.samples += number(report.totalSamplesReceived) ?? 0;
    // What is filled in while nobody talks is silence, and no fault.
    found.concealed += (number(report.concealedSamples) ?? 0) - (number(report.silentConcealedSamples) ?? 0);
    const jitter = number(report.jitter);
    if (jitter !== null && received > 0) found.jitter = Math.max(found.jitter ?? 0, jitter);
  }
  for (const report of publish) {
    if (report.type !== 'remote-inbound-rtp') continue;
    found.lossOut = number(report.fractionLost) ?? found.lossOut;
    found.rtt ??= number(report.roundTripTime);
  }
  return found;
}

/** What the time between two looks was like. `blocked`: the browser holds the sound back until a press. */
export function health(before: Figures, now: Figures, blocked: boolean): Health {
  // A leg that was made anew counts from nothing.
  const from = now.received < before.received ? null : before;
  const received = now.received - (from?.received ?? 0);
  const lost = Math.max(0, now.lost - (from?.lost ?? 0));
  const samples = now.samples - (from?.samples ?? 0);
  const concealed = Math.max(0, now.concealed - (from?.concealed ?? 0));
  const share = (part: number, whole: number) => (whole > 0 ? Math.min(1, part / whole) : null);
  const ms = (seconds: number | null) => (seconds === null ? null : Math.round(seconds * 1_000));
  const found = {
    transport: now.transport,
    rtt: ms(now.rtt),
    jitter: ms(now.jitter),
    lossIn: share(lost, received + lost),
    concealed: share(concealed, samples),
    lossOut: now.lossOut,
  };
  return { ...found, verdict: verdict(found, received, blocked) };
}

function verdict(found: Omit<Health, 'verdict'>, received: number, blocked: boolean): Verdict {
  if (blocked) return 'blocked';
  if (received === 0) return 'none';
  const bad = (value: number | null, limit: number) => value !== null && value > limit;
  if (bad(found.lossIn, LOSS) || bad(found.concealed, CONCEALED) || bad(found.lossOut, LOSS)) return 'loss';
  if (bad(found.jitter, JITTER)) return 'jitter';
  if (bad(found.rtt, SLOW)) return 'slow';
  return found.transport === 'tcp' ? 'tcp' : 'good';
}

/** The network at a glance. */
export type Quality = 'good' | 'fair' | 'weak';

const WORSE: Quality[] = ['good', 'fair', 'weak'];
/** Looks in a row that must be better before better is shown. */
const SURE = 3;

/** That nobody talks, that the browser waits, and a detour that works are no faults of the network. */
export function qualityOf(verdict: Verdict): Quality {
  if (verdict === 'loss') return 'weak';
  return verdict === 'jitter' || verdict === 'slow' ? 'fair' : 'good';
}

/** Shows worse at once and better only after a while, so that the mark does not flicker. */
export class Steady {
  private shown: Quality = 'good';
  private better: Quality[] = [];

  feed(found: Quality): Quality {
    const rank = (one: Quality) => WORSE.indexOf(one);
    if (rank(found) >= rank(this.shown)) {
      this.shown = found;
      this.better = [];
    } else if (this.better.push(found) === SURE) {
      this.shown = this.better.reduce((worst, one) => (rank(one) > rank(worst) ? one : worst));
      this.better = [];
    }
    return this.shown;
  }
}
