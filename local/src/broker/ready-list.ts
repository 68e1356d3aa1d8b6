import { EntryHeap } from './entry-heap.ts'
import type { Entry } from './message.ts'

/** The messages of a queue that no consumer has: by priority, then in the order of publishing, returned ones included. */
export class ReadyList {
  readonly #lanes: readonly Lane[]
  #length = 0
  #bytes = 0

  constructor(maxPriority: number) {
    this.#lanes = Array.from({ length: maxPriority + 1 }, () => new Lane())
  }

  get length(): number {
    return this.#length
  }

  /** Size of all bodies. */
  get bytes(): number {
    return this.#bytes
  }

  push(entry: Entry): void {
    this.#count(entry, 1)
    this.#laneOf(entry).fresh.push(entry)
  }

  /** Gives an entry taken with {@link shift} its old place again. */
  putBack(entry: Entry): void {
    this.#count(entry, 1)
    this.#laneOf(entry).returned.push(entry)
  }

  peek(): Entry | undefined {
    return this.#lanes.findLast(lane => lane.length > 0)?.peek()
  }

  shift(): Entry | undefined {
    const entry = this.#lanes.findLast(lane => lane.length > 0)?.shift()
    if (entry) this.#count(entry, -1)
    return entry
  }

  #laneOf({ message }: Entry): Lane {
    return this.#lanes[Math.min(message.priority, this.#lanes.length - 1)] as Lane
  }

  #count(entry: Entry, by: 1 | -1): void {
    this.#length += by
    this.#bytes += by * entry.message.body.length
  }
}

/** Entries of one priority. Whatever was taken before is older than everything fresh, so returned ones go first. */
class Lane {
  readonly returned = new EntryHeap()
  readonly fresh = new Fifo()

  get length(): number {
    return this.returned.size + this.fresh.length
  }

  peek(): Entry | undefined {
    return this.returned.peek() ?? this.fresh.peek()
  }

  shift(): Entry | undefined {
    return this.returned.size > 0 ? this.returned.pop() : this.fresh.shift()
  }
}

/** An array that is read from a moving head, because `Array.shift` on a long one costs its length. */
class Fifo {
  #entries: (Entry | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#entries.length - this.#head
  }

  peek(): Entry | undefined {
    return this.#entries[this.#head]
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
  }

  shift(): Entry | undefined {
    const entry = this.#entries[this.#head]
    if (!entry) return undefined
    this.#entries[this.#head++] = undefined
    if (this.#head >= 1_024 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }
}
