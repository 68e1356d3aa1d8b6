import { randomFillSync } from 'node:crypto'

// Asking the system for every id would cost more than the rest of making it.
const pool = Buffer.alloc(4_096)
let used = pool.length

/** So many bytes that nobody can guess, in lower-case hex. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
