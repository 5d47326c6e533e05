/** Times of a talk as `datetime-local` and `date` fields have them: in the reader's own zone. */

/** At most so many times are proposed at once (docs/PROTOCOL.md). */
export const MOST_TIMES = 5;

/** The value of a `datetime-local` field for a time in ms since 1970. */
export function toField(at: number): string {
  const date = new Date(at);
  return `${dayField(at)}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The value of a `date` field. */
export function dayField(at: number): string {
  const date = new Date(at);
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Null for an empty or unfinished field. */
export function fromField(field: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(field)) return null;
  const at = new Date(field).getTime();
  return Number.isNaN(at) ? null : at;
}

/** The end of the day that a `date` field names: who says "by Friday" has all of Friday. */
export function endOfDay(field: string): number | null {
  return fromField(`${field}T23:59`);
}

/** What is chosen at first: a week from now, at the next full hour. */
export function suggested(now: number, daysAhead = 7): number {
  const date = new Date(now);
  date.setDate(date.getDate() + daysAhead);
  date.setHours(19, 0, 0, 0);
  return date.getTime();
}

/** The times that the fields say, without those left empty, each once, the earliest first. */
export function timesIn(fields: readonly string[]): number[] {
  const times = fields.map(fromField).filter((at) => at !== null);
  return [...new Set(times)].sort((one, two) => one - two);
}

/** The reader's zone by its IANA name, as people write it: "Europe/London" is "Europe, London". */
export function zoneName(zone = new Intl.DateTimeFormat().resolvedOptions().timeZone): string {
  return zone.replaceAll('_', ' ').replace('/', ', ');
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
