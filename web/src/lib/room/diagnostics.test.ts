import { describe, expect, it } from 'vitest';
import { figures, health, qualityOf, Steady, type Figures, type Quality } from './diagnostics';

const LISTEN = [
  { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
  { id: 'P', type: 'candidate-pair', remoteCandidateId: 'R', currentRoundTripTime: 0.05 },
  { id: 'R', type: 'remote-candidate', protocol: 'udp' },
  {
    id: 'A',
    type: 'inbound-rtp',
    packetsReceived: 90,
    packetsLost: 10,
    jitter: 0.004,
    totalSamplesReceived: 48_000,
    concealedSamples: 20_000,
    silentConcealedSamples: 19_520,
  },
  { id: 'B', type: 'inbound-rtp', packetsReceived: 0, packetsLost: -1, jitter: 9 },
];
const PUBLISH = [{ id: 'O', type: 'remote-inbound-rtp', fractionLost: 0.25, roundTripTime: 0.2 }];

const NOTHING: Figures = {
  received: 0,
  lost: 0,
  samples: 0,
  concealed: 0,
  jitter: null,
  rtt: null,
  transport: null,
  lossOut: null,
};
const FINE: Figures = {
  ...NOTHING,
  received: 100,
  samples: 48_000,
  jitter: 0.002,
  rtt: 0.03,
  transport: 'udp',
};

describe('figures', () => {
  it('are read from the pair in use and the slots that receive; filled-in silence is no fault', () => {
    expect(figures(LISTEN, PUBLISH)).toEqual({
      received: 90,
      lost: 10,
      samples: 48_000,
      concealed: 480,
      jitter: 0.004,
      rtt: 0.05,
      transport: 'udp',
      lossOut: 0.25,
    });
    expect(figures([], [])).toEqual(NOTHING);
  });
});

describe('health', () => {
  it('is of the time between two looks, and begins anew with a new leg', () => {
    const later = { ...FINE, received: 190, lost: 10, samples: 96_000, concealed: 480 };
    expect(health(FINE, later, false)).toMatchObject({ lossIn: 0.1, concealed: 0.01, verdict: 'loss' });
    expect(health({ ...later, lost: 0 }, FINE, false)).toMatchObject({ lossIn: 0, verdict: 'good' });
  });

  it('names what is worst, with what to do', () => {
    const verdict = (change: Partial<Figures>, blocked = false) =>
      health(NOTHING, { ...FINE, ...change }, blocked).verdict;
    expect(verdict({})).toBe('good');
    expect(verdict({}, true)).toBe('blocked');
    expect(verdict({ received: 0 })).toBe('none');
    expect(verdict({ lossOut: 0.2, jitter: 1 })).toBe('loss');
    expect(verdict({ concealed: 4_800 })).toBe('loss');
    expect(verdict({ jitter: 0.09 })).toBe('jitter');
    expect(verdict({ rtt: 0.6 })).toBe('slow');
    expect(verdict({ transport: 'tcp' })).toBe('tcp');
  });
});

describe('at a glance', () => {
  it('takes for a weak network what people hear, and not that nobody talks', () => {
    const verdicts = ['good', 'none', 'blocked', 'tcp', 'jitter', 'slow', 'loss'] as const;
    expect(verdicts.map(qualityOf)).toEqual(['good', 'good', 'good', 'good', 'fair', 'fair', 'weak']);
  });

  it('gets worse at once, and better after three looks that were', () => {
    const steady = new Steady();
    const looks: Quality[] = [
      'good',
      'weak',
      'good',
      'good',
      'weak',
      'good',
      'fair',
      'good',
      'good',
      'good',
      'good',
    ];
    const shown = looks.map((one) => steady.feed(one));
    expect(shown.map((one) => one[0]).join('')).toBe('gwwwwwwfffg');
  });
});
