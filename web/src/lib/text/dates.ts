/** Dates and times in words, in one language. Times are milliseconds since the Unix epoch; days and clocks are the reader's own. */

export interface Dates {
  /** How long ago, or in how long: "just now", "5 minutes ago", "yesterday", "in 2 weeks". */
  ago(at: number, now?: number): string;
  /** A day, with its year unless that is this year: "Tuesday, 24 March", "24 March 2025". */
  day(at: number, now?: number): string;
  /** The same without its weekday, for a term: "until 24 March", "by 24 March 2025". */
  date(at: number, now?: number): string;
  /** The time of day: "19:00" or "7:00 PM", as the reader's region has it. */
  clock(at: number): string;
  /** A day and a time of day. */
  moment(at: number, now?: number): string;
  /** A day in few letters, for narrow columns: "Tue" within the next six days, otherwise "24 Mar", with its year unless that is this year. */
  brief(at: number, now?: number): string;
  /** What the zone is called at that time, as in "Germany Time". */
  zone(at: number): string;
  /** The same language in another time zone (an IANA name). */
  in(zone: string): Dates;
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

const DAY = 86_400_000;

/** What is less than a minute old; other languages have what Intl says. */
const JUST_NOW: Record<string, string> = { en: 'just now', ru: 'только что' };

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
  const plain = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', ...timeZone });
  const hours = new Intl.DateTimeFormat(locale, { timeStyle: 'short', ...timeZone });
  const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short', ...timeZone });
  const small = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', ...timeZone });
  const smallFar = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', ...timeZone });
  const named = new Intl.DateTimeFormat(locale, { timeZoneName: 'shortGeneric', ...timeZone });

  const day = (at: number, now = Date.now()) =>
    (year.format(at) === year.format(now) ? near : far).format(at);
  const justNow = JUST_NOW[locale.split('-')[0] ?? ''];
  return {
    ago(at, now = Date.now()) {
      if (justNow !== undefined && at <= now && now - at < 60_000) return justNow;
      const [unit, length] = STEPS.find(([, length]) => Math.abs(at - now) >= length) ?? ['second', Infinity];
      return relative.format(Math.trunc((at - now) / length) || 0, unit);
    },
    day,
    date: (at, now = Date.now()) => (year.format(at) === year.format(now) ? plain : far).format(at),
    clock: (at) => hours.format(at),
    moment: (at, now) => `${day(at, now)}, ${hours.format(at)}`,
    brief(at, now = Date.now()) {
      if (at >= now && at < now + 6 * DAY) return weekday.format(at);
      return (year.format(at) === year.format(now) ? small : smallFar).format(at);
    },
    zone: (at) => named.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? '',
    in: (other) => datesIn(locale, other),
  };
}
