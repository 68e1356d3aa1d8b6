import type { OutboxRow } from './outbox.ts'

/** Milliseconds for which what this process wrote is its own to publish; then any relay may find it in the outbox. */
export const ownFor = 1_000
/** Rows kept in memory at most; the outbox has the others too. */
const capacity = 5_000
/** Milliseconds that publishing and marking them may take at the end of that time, lest two relays publish the same. */
const margin = 300

interface Fresh {
  readonly row: OutboxRow
  readonly since: number
}

/**
 * What this process has just written into the outbox, so that its relay need not read it back. Any of it may be dropped at
 * any time: the outbox keeps it, and whatever is not marked there is found by the next look.
 */
export class FreshRows {
  #rows: Fresh[] = []
  #claimed: ReadonlySet<string> = new Set()

  get size(): number {
    return this.#rows.length
  }

  add(rows: readonly OutboxRow[]): void {
    const since = performance.now()
    if (this.#rows.length + rows.length > capacity) return
    for (const row of rows) if (!this.#claimed.has(row.id)) this.#rows.push({ row, since })
  }

  /** The oldest of them, without those that have waited too long. */
  take(count: number): OutboxRow[] {
    const oldest = performance.now() - ownFor + margin
    const stale = this.#rows.findIndex(({ since }) => since > oldest)
    this.#rows.splice(0, stale === -1 ? this.#rows.length : stale)
    return this.#rows.splice(0, count).map(({ row }) => row)
  }

  /** Forgets rows that were claimed from the outbox, also such as are added a moment later: a commit can be seen before whoever made it hears of it. */
  leaveOut(ids: readonly string[]): void {
    this.#claimed = new Set(ids)
    if (ids.length > 0) this.#rows = this.#rows.filter(({ row }) => !this.#claimed.has(row.id))
  }

  clear(): void {
    this.#rows = []
  }
}
