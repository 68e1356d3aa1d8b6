import type { Entry } from './message.ts'

/** A binary heap that gives the entry published first. */
export class EntryHeap {
  readonly #entries: Entry[] = []

  get size(): number {
    return this.#entries.length
  }

  peek(): Entry | undefined {
    return this.#entries[0]
  }

  push(entry: Entry): void {
    const entries = this.#entries
    let at = entries.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) break
      this.#swap(at, parent)
      at = parent
    }
  }

  pop(): Entry | undefined {
    const entries = this.#entries
    this.#swap(0, entries.length - 1)
    const first = entries.pop()
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const least = this.#isBefore(left + 1, left) ? left + 1 : left
      if (!this.#isBefore(least, at)) return first
      this.#swap(at, least)
      at = least
    }
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#entries[one]
    const b = this.#entries[other]
    return a !== undefined && b !== undefined && a.message.sequence < b.message.sequence
  }

  #swap(one: number, other: number): void {
    const a = this.#entries[one]
    const b = this.#entries[other]
    if (!a || !b) return
    this.#entries[one] = b
    this.#entries[other] = a
  }
}
