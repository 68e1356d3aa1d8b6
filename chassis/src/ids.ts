import { v7 } from 'uuid'

/** A new UUIDv7 (RFC 9562 §5.7): ids made later sort later, so that tables and indexes grow at their end. */
export function newId(): string {
  return v7()
}

/** The smallest UUIDv7 of a moment: every id made before it is less. */
export function firstIdAt(moment: Date): string {
  // Ids count from 1970 (RFC 9562 §5.7); an earlier moment, as a negative number, would make no id.
  const milliseconds = Math.max(0, moment.getTime()).toString(16).padStart(12, '0')
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-000000000000`
}

/** The moment at which a UUIDv7 was made, to the millisecond (RFC 9562 §5.7). */
export function momentOf(id: string): Date {
  return new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16))
}
