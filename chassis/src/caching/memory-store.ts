import type { Look } from './store.ts'
import { maxValueLength } from './store.ts'
import { TagVersions } from './tag-versions.ts'

export interface MemoryStoreOptions {
  /** Milliseconds for which a value is kept at most. */
  readonly ttl: number
  readonly maxEntries?: number
  /** Approximate: characters count two bytes, an entry another 200. */
  readonly maxBytes?: number
  readonly onEviction?: () => void
}

interface Entry {
  readonly version: number
  readonly value: string
  readonly expiresAt: number
  readonly bytes: number
}

/** The answers of one process: bounded, the least recently used leave first. */
export class MemoryStore {
  readonly #versions = new TagVersions()
  /** In the order of their last use, because a Map keeps the order of insertion. */
  readonly #entries = new Map<string, Entry>()
  readonly #options: Required<MemoryStoreOptions>
  #bytes = 0

  constructor(options: MemoryStoreOptions) {
    this.#options = { maxEntries: 10_000, maxBytes: 16 * 1_024 * 1_024, onEviction: () => {}, ...options }
  }

  get entries(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  look(key: string, tags: readonly string[]): Look & { readonly version: number } {
    const version = this.#versions.of(tags)
    const entry = this.#entries.get(key)
    if (!entry) return { version }
    this.#remove(key)
    if (entry.version !== version || entry.expiresAt <= performance.now()) return { version }
    this.#add(key, entry)
    return { version, value: entry.value }
  }

  keep(key: string, tags: readonly string[], version: Look['version'], value: string): void {
    if (this.#versions.of(tags) !== version || value.length > maxValueLength) return
    this.#remove(key)
    const bytes = 2 * (key.length + value.length) + 200
    this.#add(key, { version, value, bytes, expiresAt: performance.now() + this.#options.ttl })
    while (this.#entries.size > this.#options.maxEntries || this.#bytes > this.#options.maxBytes) this.#evictOldest()
  }

  invalidate(tags: readonly string[]): void {
    this.#versions.bump(tags)
  }

  /** Empties it; a load that is under way is not kept either. */
  forget(): void {
    this.#versions.bumpAll()
    this.#entries.clear()
    this.#bytes = 0
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#bytes += entry.bytes
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }

  #evictOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#remove(key)
      this.#options.onEviction()
      return
    }
  }
}
