import type pg from 'pg'
import { createMark } from './mark.ts'
import { publishFresh, type BatchOptions } from './outbox-batch.ts'
import type { OutboxRow } from './outbox.ts'

/** Batches that are published and not yet marked, at most; beyond that they wait, and so become larger. */
const maxUnderWay = 8

/**
 * Publishes what this process has just written, without waiting for one batch to be confirmed and marked before the next
 * leaves: on its way to a reader a message waits for neither.
 */
export class Departures {
  readonly #options: BatchOptions
  readonly #mark: ReturnType<typeof createMark>
  readonly #underWay = new Set<Promise<void>>()
  #problem: Error | undefined

  constructor(pool: pg.Pool, options: BatchOptions) {
    this.#options = options
    this.#mark = createMark(pool)
  }

  /** Resolves when another batch may leave. */
  async room(): Promise<void> {
    if (this.#underWay.size >= maxUnderWay) await Promise.race(this.#underWay)
  }

  /** Publishes a batch; what goes wrong with it is told by {@link takeProblem}. */
  leave(rows: readonly OutboxRow[]): void {
    const work = publishFresh(this.#mark, rows, this.#options)
      .then(({ problem }) => {
        this.#problem ??= problem
      })
      .catch((error: unknown) => {
        this.#problem ??= error as Error
      })
      .finally(() => this.#underWay.delete(work))
    this.#underWay.add(work)
  }

  /** Resolves when nothing is under way any more. */
  async arrived(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** What went wrong since this was last asked. */
  takeProblem(): Error | undefined {
    const problem = this.#problem
    this.#problem = undefined
    return problem
  }
}
