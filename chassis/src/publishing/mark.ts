import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { settle, type Leaving } from './outbox-batch.ts'
import type { Outcome } from './publisher.ts'

/** Notes in the outbox what became of rows. It rejects when the database did not take the note. */
export type Mark = (rows: readonly Leaving[], outcomes: readonly Outcome[]) => Promise<void>

interface Group {
  readonly rows: Leaving[]
  readonly outcomes: Outcome[]
  readonly marked: Promise<void>
}

/** Milliseconds from the beginning of one mark to that of the next. */
const minPause = 10

/** Makes a {@link Mark} that shares its statements: no reader waits for a mark, so it can wait for others. */
export function createMark(pool: pg.Pool): Mark {
  let gathering: Group | undefined
  let previous: Promise<void> = Promise.resolve()
  let markAt = 0
  const open = (): Group => {
    const [rows, outcomes]: [Leaving[], Outcome[]] = [[], []]
    const write = async () => {
      const early = markAt - performance.now()
      if (early > 0) await sleep(early)
      markAt = performance.now() + minPause
      gathering = undefined
      await Promise.all(settle(pool, rows, outcomes))
    }
    const marked = previous.then(write)
    previous = marked.catch(() => {})
    return { rows, outcomes, marked }
  }
  return (rows, outcomes) => {
    gathering ??= open()
    gathering.rows.push(...rows)
    gathering.outcomes.push(...outcomes)
    return gathering.marked
  }
}
