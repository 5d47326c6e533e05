/**
 * Wall clocks and instants. A host chooses a date by the clock on a wall in some time zone (an IANA name; '' is UTC, as the server
 * has it); everybody reads it by their own. Times are milliseconds since the Unix epoch.
 */

/** A date and a time of day as form fields have them: `2026-11-24` and `19:00`. */
export interface Wall {
  date: string;
  time: string;
}

const DAY = 86_400_000;

/** The reader's own zone. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** What a clock on a wall in that zone shows. */
export function wallOf(at: number, zone: string): Wall {
  const parts = partsOf(at, zone);
  return {
    date: `${parts.year}-${parts.month}-${parts.day}`,
    time: `${parts.hour}:${parts.minute}`,
  };
}

/**
 * When a clock on a wall in that zone shows this; null for fields that are not filled in. Where clocks go back and show it twice, it
 * is the first time; where they go forward and never show it, it is as much later as they go forward (the server's rule too:
 * "compatible" in RFC 5545 and in TC39's Temporal).
 */
export function instantOf({ date, time }: Wall, zone: string): number | null {
  const found = /^(\d{4,6})-(\d{2})-(\d{2})T(\d{2}):(\d{2})/.exec(`${date}T${time}`);
  if (!found) return null;
  const [year, month, day, hour, minute] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const asUtc = Date.UTC(year, month - 1, day, hour, minute);
  if (new Date(asUtc).getUTCDate() !== day) return null;
  // Zones change at most once in two days: what holds a day before and a day after is all that can hold.
  const before = asUtc - offsetAt(asUtc - DAY, zone);
  const after = asUtc - offsetAt(asUtc + DAY, zone);
  for (const at of [before, after]) if (at + offsetAt(at, zone) === asUtc) return at;
  return before;
}

/** Whether the clocks of two zones show the same at that time. */
export function agree(one: string, other: string, at: number): boolean {
  return offsetAt(at, one) === offsetAt(at, other);
}

/** Zones to choose from, by the part of the world that their names begin with; `own` is there even if the browser lists it by another name. */
export function zonesByRegion(own: string): { region: string; zones: string[] }[] {
  const all = new Set(['UTC', own, ...Intl.supportedValuesOf('timeZone')]);
  const regions = new Map<string, string[]>();
  for (const zone of [...all].sort()) {
    const region = zone.includes('/') ? zone.slice(0, zone.indexOf('/')) : '';
    regions.set(region, [...(regions.get(region) ?? []), zone]);
  }
  return [...regions].map(([region, zones]) => ({ region, zones }));
}

/** A zone as people read it: "Buenos Aires" for America/Argentina/Buenos_Aires. */
export function cityOf(zone: string): string {
  return (zone || 'UTC').slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' ');
}

/** How far a zone is ahead of UTC at that time, in ms. */
function offsetAt(at: number, zone: string): number {
  const { year, month, day, hour, minute, second } = partsOf(at, zone);
  const wall = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  return wall - Math.floor(at / 1_000) * 1_000;
}

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

/** Formatters are slow to make, and few zones are asked for. */
const formats = new Map<string, Intl.DateTimeFormat>();

function partsOf(at: number, zone: string): Record<Part, string> {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone || 'UTC',
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value])) as Record<
    Part,
    string
  >;
}
