import { setTimeout as sleep } from 'node:timers/promises'

/** Looks at a database again and again while the shop works: at what must hold at every moment, not only at rest. */
export class DatabaseWatch {
  /** How often it has looked. */
  looks = 0
  readonly #found = new Set<string>()
  readonly #look: () => Promise<readonly string[]>
  #watching = true
  readonly #watch: Promise<void>

  /** @param look resolves to what it saw that must never be. */
  constructor(look: () => Promise<readonly string[]>) {
    this.#look = look
    this.#watch = this.#lookOn()
  }

  /** What it has seen that must never be, each once. */
  get found(): string[] {
    return [...this.#found]
  }

  async stop(): Promise<void> {
    this.#watching = false
    await this.#watch
  }

  async #lookOn(): Promise<void> {
    while (this.#watching) {
      // While PostgreSQL ends its connections there is nothing to see.
      const seen = await this.#look().catch(() => undefined)
      if (seen) this.looks++
      for (const violation of seen ?? []) this.#found.add(violation)
      await sleep(50)
    }
  }
}
