import { setTimeout as sleep } from 'node:timers/promises'
import type { TestDatabase } from './database.ts'

/** Looks at the stock again and again while the shop works: invariant I6 holds at every moment, not only at rest. */
export class StockWatch {
  /** How often it has looked. */
  looks = 0
  readonly #found = new Set<string>()
  readonly #products: TestDatabase
  #watching = true
  readonly #watch: Promise<void>

  constructor(products: TestDatabase) {
    this.#products = products
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
      const rows = await this.#products.rows<{ text: string }>(question).catch(() => undefined)
      if (rows) this.looks++
      for (const { text } of rows ?? []) this.#found.add(`I6: while running, ${text}`)
      await sleep(50)
    }
  }
}

/** Products with less than nothing, or with another stock than their ledger says, seen in one snapshot. */
const question = `
  select format('product %s has %s available, %s reserved; its ledger says %s and %s', id, available, reserved, a, r) as text
  from products cross join lateral (
    select coalesce(sum(m.available), 0) as a, coalesce(sum(m.reserved), 0) as r from movements m where product_id = products.id) ledger
  where available < 0 or reserved < 0 or available <> a or reserved <> r`
