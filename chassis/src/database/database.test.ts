import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createTransact } from './database.ts'
import { errorCode, isConflict, isConnectionLost, isUniqueViolation, withoutStatement } from './database-errors.ts'
import type { OutboxRow } from '../publishing/outbox.ts'
import type { Transact, Transaction } from '../service.ts'
import { note, noteWritten } from '../testing/fixture/notes.ts'
import { openOutbox, type Outbox } from '../testing/fixture/outbox.ts'
import { createTracer } from '../telemetry/tracer.ts'

const onPublished = vi.fn<(messages: readonly OutboxRow[]) => void>()
let outbox: Outbox
let transact: Transact
beforeAll(async () => {
  outbox = await openOutbox()
  const tracer = await createTracer('notes', {
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_TRACES_SAMPLER_ARG: 1,
    OTEL_INSTRUMENTATION: 'seams',
  } as const)
  transact = createTransact({ pool: outbox.database.pool, tracer, onPublished })
})
beforeEach(async () => {
  onPublished.mockClear()
  await outbox.database.query({ text: 'truncate notes, chassis.outbox' })
})
afterAll(() => outbox[Symbol.asyncDispose]())

const insert = (tx: Pick<Transaction, 'query'>, id: string) =>
  tx.query({ text: 'insert into notes (id, body) values ($1, $2)', values: [id, 'milk'] })

/** What there is in the database, and how many messages the relay was told of. */
async function written(): Promise<{ notes: number; messages: number; told: number }> {
  const { rows } = await outbox.database.query<{ notes: number; messages: number }>({
    text: `select (select count(*)::int from notes) as notes, (select count(*)::int from chassis.outbox) as messages`,
  })
  return { notes: -1, messages: -1, ...rows[0], told: onPublished.mock.calls.flat(2).length }
}

const nothing = { notes: 0, messages: 0, told: 0 }
const both = { notes: 1, messages: 1, told: 1 }

describe('a transaction', () => {
  test('writes data and messages together, then tells the relay of them', async () => {
    await transact(async tx => {
      await insert(tx, 'a')
      tx.publish(noteWritten, note('a'))
      expect(await written()).toEqual(nothing)
    })
    expect(await written()).toEqual(both)
    await transact(tx => insert(tx, 'b'))
    expect(onPublished).toHaveBeenCalledOnce()
  })

  test('that fails writes neither', async () => {
    const failing = transact(async tx => {
      await insert(tx, 'a')
      tx.publish(noteWritten, note('a'))
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await written()).toEqual(nothing)
  })

  test('does what is for later once, when it is committed, and never if it fails', async () => {
    const done: string[] = []
    let attempts = 0
    await transact(async tx => {
      tx.afterCommit(() => done.push('committed'))
      await insert(tx, 'a')
      attempts++
      if (attempts === 1) await tx.query({ text: "do $$ begin raise sqlstate '40001'; end $$" })
      expect(done).toEqual([])
    })
    const failing = transact(async tx => {
      tx.afterCommit(() => done.push('failed'))
      await insert(tx, 'a')
    })
    await expect(failing).rejects.toThrow('duplicate key')
    expect([attempts, done]).toEqual([2, ['committed']])
  })

  test('is committed also when what is for later fails', async () => {
    let runs = 0
    await transact(async tx => {
      tx.afterCommit(() => {
        throw Object.assign(new Error('no'), { code: '40001' })
      })
      runs++
      await insert(tx, 'a')
    })
    expect([runs, (await written()).notes]).toEqual([1, 1])
  })

  test('whose commit fails writes neither', async () => {
    const { query } = outbox.database
    await query({ text: 'alter table notes add constraint one unique (body) deferrable initially deferred' })
    const failing = transact(async tx => {
      await insert(tx, 'a')
      await insert(tx, 'b')
      tx.publish(noteWritten, note('a'))
    })
    await expect(failing).rejects.toMatchObject({ code: '23505' })
    expect(await written()).toEqual(nothing)
    await query({ text: 'alter table notes drop constraint one' })
  })

  test('whose messages the outbox refuses writes neither', async () => {
    const failing = transact(async tx => {
      await insert(tx, 'a')
      // jsonb holds no NUL.
      tx.publish(noteWritten, note('a', '\0'))
    })
    await expect(failing).rejects.toMatchObject({ code: '22P05' })
    expect(await written()).toEqual(nothing)
  })

  test('that publishes what does not fit the message fails at once', async () => {
    const failing = transact(async tx => {
      await insert(tx, 'a')
      tx.publish(noteWritten, { ...note('a'), version: 'one' as unknown as number })
    })
    await expect(failing).rejects.toThrow('version')
    expect(await written()).toEqual(nothing)
  })

  test('is one for drizzle too', async () => {
    const failing = transact(async tx => {
      await tx.db.execute(sql`insert into notes (id, body) values ('a', 'milk')`)
      await insert(tx, 'b')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await written()).toEqual(nothing)
  })

  test('with a failed statement whose error was swallowed fails instead of writing nothing in silence', async () => {
    const swallowing = transact(async tx => {
      await insert(tx, 'a')
      await insert(tx, 'a').catch(() => {})
    })
    await expect(swallowing).rejects.toThrow('nothing was written')
    expect(await written()).toEqual(nothing)
  })

  test.each(['40001', '40P01'])('that loses a race (%s) runs again', async code => {
    let runs = 0
    await transact(async tx => {
      await insert(tx, 'a')
      tx.publish(noteWritten, note('a'))
      if (++runs <= 3) await fail(tx, code)
    })
    expect(runs).toBe(4)
    expect(await written()).toEqual(both)
  })

  test('that loses a race only when it commits runs again, too', async () => {
    const { promise: met, resolve: meet } = Promise.withResolvers<void>()
    let runs = 0
    const skew = (id: string) =>
      transact(async tx => {
        // Who reads all of an empty table by its index has read nothing that the other could change.
        await tx.query({ text: 'set transaction isolation level serializable; set local enable_seqscan to on' })
        await tx.query({ text: 'select from notes' })
        await insert(tx, id)
        tx.publish(noteWritten, note(id))
        if (++runs === 2) meet()
        await met
      })
    await Promise.all([skew('a'), skew('b')])
    expect(runs).toBe(3)
    expect(await written()).toEqual({ notes: 2, messages: 2, told: 2 })
  })

  test('that always loses gives up', async () => {
    let runs = 0
    const losing = transact(tx => (runs++, fail(tx, '40001')))
    await expect(losing).rejects.toMatchObject({ code: '40001' })
    expect(runs).toBe(6)
  })

  test('and another that wait for each other in a circle both come through', async () => {
    await insert(outbox.database, 'a')
    await insert(outbox.database, 'b')
    const { promise: met, resolve: meet } = Promise.withResolvers<void>()
    let arrived = 0
    const lock = (tx: Transaction, id: string) =>
      tx.query({ text: 'update notes set body = body || $2 where id = $1', values: [id, '!'] })
    const cross = (first: string, second: string) =>
      transact(async tx => {
        await lock(tx, first)
        if (++arrived === 2) meet()
        await met
        await lock(tx, second)
      })
    await Promise.all([cross('a', 'b'), cross('b', 'a')])
    expect(arrived).toBe(3)
    const { rows } = await outbox.database.query({ text: 'select distinct body from notes' })
    expect(rows).toEqual([{ body: 'milk!!' }])
  })

  test('whose connection is ended is an error, and the next one works', async () => {
    const ended = transact(async tx => {
      await insert(tx, 'a')
      await tx.query({ text: 'select pg_terminate_backend(pg_backend_pid())' })
    })
    await expect(ended).rejects.toSatisfy(isConnectionLost)
    expect(await written()).toEqual(nothing)
    await transact(tx => insert(tx, 'a'))
  })
})

test('the pool survives that all its idle connections are ended', async () => {
  const { pool, query, check } = outbox.database
  await Promise.all([check(), check(), check()])

  expect(pool.idleCount).toBeGreaterThan(1)
  await query({
    text: `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid()`,
  })
  await vi.waitUntil(() => pool.totalCount === 1)
  await Promise.all([check(), check(), check()])
})

test('errors are told apart, also inside those of drizzle', async () => {
  const { db } = outbox.database
  await insert(outbox.database, 'a')
  const refused: unknown = await db
    .execute(sql`insert into notes values ('a', ${'secret'})`)
    .catch((error: unknown) => error)
  expect(errorCode(refused)).toBe('23505')
  expect(isUniqueViolation(refused)).toBe(true)
  expect([isConflict(refused), isConnectionLost(refused)]).toEqual([false, false])
  expect(String(refused)).toContain('secret')
  expect(String(withoutStatement(refused))).not.toContain('secret')
})

function fail(tx: Transaction, code: string) {
  return tx.query({ text: `do $$ begin raise exception 'lost' using errcode = '${code}'; end $$` })
}
