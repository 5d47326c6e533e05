/** Dates and times in words, in one language. Times are milliseconds since the Unix epoch; days and clocks are the reader's own. */

export interface Dates {
  /** How long ago, or in how long: "5 minutes ago", "yesterday", "in 2 weeks". */
  ago(at: number, now?: number): string;
  /** A day, with its year unless that is this year: "Tuesday, 24 March", "24 March 2025". */
  day(at: number, now?: number): string;
  /** The time of day: "19:00" or "7:00 PM", as the reader's region has it. */
  clock(at: number): string;
  /** A day and a time of day. */
  moment(at: number, now?: number): string;
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** Dates for a BCP 47 tag; `zone` is an IANA time zone, the reader's own if absent. */
export function datesIn(locale: string, zone?: string): Dates {
  const timeZone = zone === undefined ? {} : { timeZone: zone };
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const year = new Intl.DateTimeFormat('en', { year: 'numeric', ...timeZone });
  const near = new Intl.DateTimeFormat(locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...timeZone,
  });
  const far = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    ...timeZone,
  });
  const hours = new Intl.DateTimeFormat(locale, { timeStyle: 'short', ...timeZone });

  const day = (at: number, now = Date.now()) =>
    (year.format(at) === year.format(now) ? near : far).format(at);
  return {
    ago(at, now = Date.now()) {
      const [unit, length] = STEPS.find(([, length]) => Math.abs(at - now) >= length) ?? ['second', Infinity];
      return relative.format(Math.trunc((at - now) / length) || 0, unit);
    },
    day,
    clock: (at) => hours.format(at),
    moment: (at, now) => `${day(at, now)}, ${hours.format(at)}`,
  };
}
