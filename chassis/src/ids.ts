import { randomHex } from './random.ts'

// What the newest id began with: its millisecond, as a number and as it is written, and the place in it.
let millisecond = 0
let written = ''
let place = 0

/**
 * A new UUIDv7 (RFC 9562 §5.7): ids made later sort later, so that tables and indexes grow at their end. Those of one
 * process do so also within a millisecond, by a counter that begins at random (§6.2, method 1).
 */
export function newId(): string {
  const random = randomHex(10)
  const now = Date.now()
  place++
  // A clock that was set back does not count, and where a millisecond is full, the next one begins early.
  if (now > millisecond || place > 0xfff) {
    begin(Math.max(now, millisecond + 1))
    place = Number.parseInt(random.slice(0, 3), 16) >> 1
  }
  const variant = '89ab'[Number.parseInt(random.slice(3, 4), 16) & 3] as string
  return `${written}-7${place.toString(16).padStart(3, '0')}-${variant}${random.slice(4, 7)}-${random.slice(8)}`
}

function begin(at: number): void {
  millisecond = at
  written = leadOf(at)
}

/** The first 48 bits of the ids of a millisecond. */
function leadOf(milliseconds: number): string {
  const digits = milliseconds.toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}`
}

/** The smallest UUIDv7 of a moment: every id made before it is less. */
export function firstIdAt(moment: Date): string {
  // Ids count from 1970 (RFC 9562 §5.7); an earlier moment, as a negative number, would make no id.
  return `${leadOf(Math.max(0, moment.getTime()))}-7000-8000-000000000000`
}

/** The moment at which a UUIDv7 was made, to the millisecond (RFC 9562 §5.7). */
export function momentOf(id: string): Date {
  return new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16))
}
