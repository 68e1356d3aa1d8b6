import { setTimeout as sleep } from 'node:timers/promises'
import { isConflict, isConnectionLost, isUniqueViolation } from '../database/database-errors.ts'
import type { Item, Writer } from './group-statement.ts'
import type { Query } from '../service.ts'

/** `written`; `repeated`: an earlier request had the same key; an error: nothing of it was written, or nobody can tell. */
export type Outcome = 'written' | 'repeated' | Error
export type Outcomes = ReadonlyMap<Item, Outcome>

/** How often a lone item that lost a race is written again. */
const conflictRetries = 5

/**
 * Writes a batch. If its statement fails each item is written alone, so that a bad one fails alone; if the connection is
 * lost, what is not found written is written again. Never rejects.
 */
export async function writeBatch(write: Writer, items: readonly Item[], query: Query): Promise<Outcomes> {
  try {
    return outcomesOf(items, await write(items))
  } catch (error) {
    if (isConnectionLost(error)) return afterLostConnection(write, items, query, error as Error)
    return oneByOne(write, items, query)
  }
}

async function oneByOne(write: Writer, items: readonly Item[], query: Query): Promise<Outcomes> {
  const outcomes = new Map<Item, Outcome>()
  let lost: Error | undefined
  for (const item of items) {
    const outcome: Outcome = lost ?? (await writeOne(write, item, query))
    // Whoever comes next would only wait for the same database as long again.
    if (isConnectionLost(outcome)) lost = outcome as Error
    outcomes.set(item, outcome)
  }
  return outcomes
}

async function writeOne(write: Writer, item: Item, query: Query): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      return outcomeOf(item, await write([item]))
    } catch (error) {
      if (isConnectionLost(error)) {
        const outcomes = await afterLostConnection(write, [item], query, error as Error)
        return outcomes.get(item) as Outcome
      }
      if (isUniqueViolation(error)) return writtenBefore(item, query, error as Error)
      if (!isConflict(error) || attempt > conflictRetries) return error as Error
      await sleep(Math.random() * 20 * attempt)
    }
  }
}

// The statement may have committed before the connection broke: its messages in the outbox tell. What is not there is
// written again with the same ids, so a statement that still runs somewhere cannot lead to a second effect.
async function afterLostConnection(
  write: Writer,
  items: readonly Item[],
  query: Query,
  lost: Error,
): Promise<Outcomes> {
  for (let pause = 50; pause <= 1_600; pause *= 2) {
    await sleep(pause * (0.5 + Math.random()))
    try {
      const done = await committed(query, items)
      const missing = items.filter(({ message }) => !done.has(message.id))
      const written = missing.length > 0 ? await write(missing) : new Set<string>()
      return outcomesOf(items, new Set([...done, ...written]))
    } catch (error) {
      if (!isConnectionLost(error)) return oneByOne(write, items, query)
    }
  }
  return new Map(items.map(item => [item, lost]))
}

/** The unique index that refused an item may have met the item itself, written by a statement whose answer was lost. */
async function writtenBefore(item: Item, query: Query, violation: Error): Promise<Outcome> {
  const done = await committed(query, [item]).catch(() => new Set<string>())
  return done.has(item.message.id) ? 'written' : violation
}

async function committed(query: Query, items: readonly Item[]): Promise<Set<string>> {
  const { rows } = await query<{ id: string }>({
    text: 'select id from chassis.outbox where id = any($1::uuid[])',
    values: [items.map(({ message }) => message.id)],
  })
  return new Set(rows.map(row => row.id))
}

function outcomesOf(items: readonly Item[], written: ReadonlySet<string>): Outcomes {
  return new Map(items.map(item => [item, outcomeOf(item, written)]))
}

function outcomeOf({ message }: Item, written: ReadonlySet<string>): Outcome {
  return written.has(message.id) ? 'written' : 'repeated'
}
