import { rejections } from '../rejection.ts'

/** Statements in flight at a time, items that one statement writes, and items that may wait for one. */
const maxInFlight = 2
const maxBatch = 128
const maxWaiting = 5_000

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Resolves to what became of each item, in their order. */
export type WriteBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly (Result | Error)[]>

/**
 * Turns items that are in flight at the same time into batches. There is no timer: an item that comes alone is written
 * alone, at the end of the turn of the event loop in which it came, and while writes are in flight what comes meanwhile
 * makes up the next batch.
 * @returns a function that rejects with a 503 when too many wait.
 */
export function createCollector<Item, Result>(write: WriteBatch<Item, Result>): (item: Item) => Promise<Result> {
  const waiting: Waiting<Item, Result>[] = []
  let inFlight = 0
  let scheduled = false
  const flush = async () => {
    inFlight++
    while (waiting.length > 0) await settle(waiting.splice(0, maxBatch), write)
    inFlight--
  }
  // Requests of several connections arrive in one turn, each with its own callback: only after all of them is it over.
  const flushAfterTurn = () => {
    if (scheduled || inFlight === maxInFlight) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      while (waiting.length > 0 && inFlight < maxInFlight) void flush()
    })
  }
  return item =>
    new Promise((resolve, reject) => {
      if (waiting.length >= maxWaiting) return reject(rejections.overloaded())
      waiting.push({ item, resolve, reject })
      flushAfterTurn()
    })
}

async function settle<Item, Result>(batch: readonly Waiting<Item, Result>[], write: WriteBatch<Item, Result>) {
  try {
    const results = await write(batch.map(({ item }) => item))
    batch.forEach(({ resolve, reject }, index) => {
      const result = results[index] as Result | Error
      if (result instanceof Error) reject(result)
      else resolve(result)
    })
  } catch (error) {
    for (const { reject } of batch) reject(error)
  }
}
