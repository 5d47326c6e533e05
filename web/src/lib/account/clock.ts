/** Times of day as minutes after midnight, and as the `HH:MM` of a time field. */

export function toField(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

/** Null for an empty or unfinished field. */
export function fromField(field: string): number | null {
  const found = /^(\d{2}):(\d{2})/.exec(field);
  return found ? Number(found[1]) * 60 + Number(found[2]) : null;
}
