import { setTimeout as sleep } from 'node:timers/promises'
import type { TestDatabase } from './database.ts'

/** Looks at the orders of the read model again and again: invariant I11, none ever becomes older, or disappears. */
export class ModelWatch {
  /** How often it has looked. */
  looks = 0
  readonly #found = new Set<string>()
  readonly #queries: TestDatabase
  readonly #versions = new Map<string, number>()
  #watching = true
  readonly #watch: Promise<void>

  constructor(queries: TestDatabase) {
    this.#queries = queries
    this.#watch = this.#look()
  }

  /** What it has seen that must never be, each once. */
  get found(): string[] {
    return [...this.#found]
  }

  async stop(): Promise<void> {
    this.#watching = false
    await this.#watch
  }

  async #look(): Promise<void> {
    while (this.#watching) {
      // While PostgreSQL ends its connections there is nothing to see.
      const rows = await this.#queries
        .rows<{ id: string; version: number }>('select id, version from model.orders')
        .catch(() => undefined)
      if (rows) this.#compare(new Map(rows.map(({ id, version }) => [id, version])))
      await sleep(50)
    }
  }

  #compare(now: ReadonlyMap<string, number>): void {
    this.looks++
    for (const [id, known] of this.#versions) {
      const version = now.get(id)
      if (version === undefined) this.#found.add(`I11: order ${id} v${known} disappeared from the read model`)
      else if (version < known) this.#found.add(`I11: order ${id} went from v${known} back to v${version}`)
    }
    for (const [id, version] of now) this.#versions.set(id, version)
  }
}
