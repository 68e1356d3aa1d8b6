import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { databaseSpans } from '../database/spans.ts'
import { createGroupCommit } from './group-commit.ts'
import { Rejection } from '../rejection.ts'
import type { Answer, Query } from '../service.ts'
import { note, noteWritten } from '../testing/fixture/notes.ts'
import { openOutbox, type Outbox } from '../testing/fixture/outbox.ts'
import { waitUntil } from '../testing/index.ts'
import { currentTrace, inTrace, unrecordedTrace } from '../telemetry/trace.ts'
import { createTracer } from '../telemetry/tracer.ts'

type Statement = Parameters<Query>[0]
/** Stands between the writer and the database. */
type Interception = (statement: Statement, run: () => ReturnType<Query>) => ReturnType<Query>

const through: Interception = (_statement, run) => run()
const lost = () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
const isWrite = ({ name }: Statement) => name?.startsWith('write-note') ?? false

let outbox: Outbox
let intercept: Interception
let writes: number
let write: (noteId: string | null, key?: string, further?: number) => Promise<Answer>
let refuse: (key: string) => Promise<Answer>
/** The notes of which something was done after their commit. */
let committed: string[]
const onPublished = vi.fn<() => void>()

beforeAll(async () => {
  outbox = await openOutbox()
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_TRACES_SAMPLER_ARG: 1,
    OTEL_INSTRUMENTATION: 'seams',
  } as const
  const query: Query = statement => {
    if (isWrite(statement)) writes++
    return intercept(statement, () => outbox.database.query(statement)) as never
  }
  const commit = createGroupCommit({ query, spans: databaseSpans(await createTracer('notes', settings)), onPublished })(
    {
      name: 'write-note',
      columns: { note_id: 'text' },
      statements: `notes as (insert into notes (id, body) select note_id, 'milk' from accepted)`,
    },
  )
  write = (noteId, key, further = 0) =>
    commit(requestWith(key, noteId), async () => ({
      row: { note_id: noteId },
      publish(tx) {
        for (let count = 0; count <= further; count++) tx.publish(noteWritten, note(noteId ?? 'none'))
      },
      answer: { status: 201, headers: { location: `/notes/${noteId}` }, body: { noteId, at: randomUUID() } },
      afterCommit() {
        committed.push(String(noteId))
        if (noteId === 'clumsy') throw new Error('what follows a commit fails')
      },
    }))
  refuse = key => commit(requestWith(key, 'a'), () => Promise.reject(new Rejection('too-late', 409, 'Too late.')))
})
beforeEach(async () => {
  intercept = through
  writes = 0
  committed = []
  onPublished.mockClear()
  await outbox.database.query({ text: 'truncate notes, chassis.outbox, chassis.idempotency_keys' })
})
afterAll(() => outbox[Symbol.asyncDispose]())

function requestWith(key: string | undefined, body: unknown): FastifyRequest {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return { headers, method: 'POST', routeOptions: { url: '/notes' }, body } as unknown as FastifyRequest
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `note-${index}`)

async function stored(expected = 1): Promise<string[]> {
  const { rows } = await outbox.database.query<{ id: string; messages: number }>({
    text: `select id, (select count(*)::int from chassis.outbox where aggregate_id = notes.id) as messages from notes`,
  })
  for (const { id, messages } of rows) expect(messages, `messages of ${id}`).toBe(expected)
  return rows.map(({ id }) => id).toSorted()
}

/** Fails the first `times` writes. */
function failing(times: number, error: () => Error, meanwhile: (run: () => ReturnType<Query>) => unknown = () => {}) {
  let left = times
  intercept = async (statement, run) => {
    if (!isWrite(statement) || left-- <= 0) return run()
    await meanwhile(run)
    throw error()
  }
}

describe('requests in flight together', () => {
  test('share statements, and each gets its own answer', async () => {
    const answers = await Promise.all(names(300).map(name => write(name)))
    expect(answers.map(({ body }) => (body as { noteId: string }).noteId)).toEqual(names(300))
    expect(await stored()).toEqual(names(300).toSorted())
    expect(writes).toBeLessThanOrEqual(4)
    expect(onPublished).toHaveBeenCalled()
  })

  test('share one also when each came by a connection of its own', async () => {
    const writing = names(20).map(async name => {
      // As callbacks of sockets are: all promises have had their turn before the next one.
      await new Promise<void>(resolve => void setImmediate(resolve))
      return write(name)
    })
    await Promise.all(writing)
    expect(await stored()).toHaveLength(20)
    expect(writes).toBe(1)
  })

  test('are written in the trace of none of them, and a lone one in its own', async () => {
    const seen: (string | undefined)[] = []
    intercept = (statement, run) => {
      if (isWrite(statement)) seen.push(currentTrace()?.traceId)
      return run()
    }
    const own = unrecordedTrace()
    await inTrace(own, {}, () => write('alone'))
    expect(seen).toEqual([own.traceId])
    const traces = names(50).map(unrecordedTrace)
    await Promise.all(traces.map((trace, index) => inTrace(trace, {}, () => write(`note-${index}`))))
    expect(writes).toBeLessThanOrEqual(4)
    const together = seen.slice(1).filter(traceId => !traces.some(trace => trace.traceId === traceId))
    expect(together.length).toBeGreaterThan(0)
    expect(seen.length - 1 - together.length).toBeLessThanOrEqual(2)
  })

  test('may publish several messages each', async () => {
    await Promise.all(names(150).map(name => write(name, undefined, 2)))
    expect(await stored(3)).toEqual(names(150).toSorted())
    await Promise.all([
      write('none', 'key'),
      write('one', undefined, 1),
      write('two', 'other', 2),
      write('two', 'other', 2),
    ])
    const { rows } = await outbox.database.query<{ id: string }>({
      text: `select aggregate_id as id from chassis.outbox where aggregate_id in ('none', 'one', 'two') order by 1`,
    })
    expect(rows.map(({ id }) => id)).toEqual(['none', 'one', 'one', 'two', 'two', 'two'])
  })

  test('are written while others are, two statements at a time', async () => {
    let running = 0
    let most = 0
    intercept = async (_statement, run) => {
      most = Math.max(most, ++running)
      return run().finally(() => running--)
    }
    await Promise.all(names(40).map(async (name, index) => (await sleep(index / 2), write(name))))
    expect(await stored()).toHaveLength(40)
    expect(most).toBe(2)
  })

  test('fail alone when one cannot be written', async () => {
    const results = await Promise.allSettled(['a', null, 'b'].map(name => write(name)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: { code: '23502' } })
    expect(await stored()).toEqual(['a', 'b'])
  })

  test('beyond what may wait are turned away with 503, and the others are written', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>()
    intercept = async (_statement, run) => (await opened, run())
    const results = Promise.allSettled(names(5_500).map(name => write(name)))
    await waitUntil('the writer is full', () => writes === 2)
    open()
    const turnedAway = (await results).filter(({ status }) => status === 'rejected')
    expect(turnedAway.length).toBeGreaterThan(0)
    expect(turnedAway[0]).toMatchObject({ reason: { status: 503, code: 'overloaded' } })
    expect(await stored()).toHaveLength(5_500 - turnedAway.length)
  })
})

test('a request alone waits for nobody', async () => {
  const writing = write('a')
  // No timer, only promises that are fulfilled already and the end of this turn of the event loop.
  for (let step = 0; step < 10; step++) await Promise.resolve()
  expect(writes).toBe(0)
  await new Promise(resolve => void setImmediate(resolve))
  expect(writes).toBe(1)
  await writing
})

describe('a lost connection', () => {
  test('after the commit leaves each written once', async () => {
    failing(1, lost, run => run())
    const answers = await Promise.all(names(10).map(name => write(name)))
    expect(answers.every(({ status }) => status === 201)).toBe(true)
    expect(await stored()).toEqual(names(10))
    expect(writes).toBe(1)
  })

  test('before the commit has them written again', async () => {
    failing(3, lost)
    await Promise.all(names(10).map(name => write(name)))
    expect(await stored()).toEqual(names(10))
    expect(writes).toBe(4)
  })

  test.each([undefined, 'key'])('with a statement that commits late (key %s) leaves one', async key => {
    let late: Promise<unknown> = Promise.resolve()
    failing(1, lost, run => {
      late = sleep(100).then(run)
      // It may lose against the repetition, which has the same ids.
      late.catch(() => {})
    })
    const slowly: Interception = intercept
    intercept = async (statement, run) => {
      // The look for what was written comes before the late commit, the repetition after it.
      if (isWrite(statement) && writes > 1) await late.catch(() => {})
      return slowly(statement, run)
    }
    expect(await write('a', key)).toMatchObject({ status: 201, body: { noteId: 'a' } })
    expect(await stored()).toEqual(['a'])
  })

  test('that does not come back is an error to all, soon', async () => {
    intercept = async () => {
      throw lost()
    }
    const startedAt = performance.now()
    const results = await Promise.allSettled(names(100).map(name => write(name)))
    expect(results).toMatchObject(names(100).map(() => ({ status: 'rejected', reason: { code: 'ECONNRESET' } })))
    expect(performance.now() - startedAt).toBeLessThan(8_000)
    intercept = through
    await write('after')
  })

  test('while they are written one by one is not waited for by each', async () => {
    let failed = false
    intercept = async (statement, run) => {
      if (failed) throw lost()
      failed = isWrite(statement)
      return run()
    }
    const startedAt = performance.now()
    const results = await Promise.allSettled([null, ...names(20)].map(name => write(name)))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(performance.now() - startedAt).toBeLessThan(8_000)
  })
})

describe('a lost race', () => {
  const race = () => Object.assign(new Error('deadlock detected'), { code: '40P01' })

  test('is run again', async () => {
    failing(3, race)
    await write('a')
    expect(await stored()).toEqual(['a'])
  })

  test('is given up when it is always lost', async () => {
    failing(Infinity, race)
    await expect(write('a')).rejects.toMatchObject({ code: '40P01' })
    expect(writes).toBeLessThan(10)
  })
})

describe('what follows the commit', () => {
  test('is done once for each that was written, however often that took', async () => {
    failing(1, lost, run => run())
    await Promise.all(names(20).map(name => write(name)))
    failing(3, () => Object.assign(new Error('deadlock detected'), { code: '40P01' }))
    await write('raced')
    expect(committed.toSorted()).toEqual(await stored())
    expect(committed).toHaveLength(21)
  })

  test('is not done for what was refused, repeated or lost', async () => {
    await Promise.allSettled([write(null), write('a', 'key'), write('a', 'key'), write('b', 'key'), refuse('other')])
    await write('a', 'key')
    expect(committed).toEqual(['a'])
    failing(Infinity, () => new Error('disk full'))
    await expect(write('c')).rejects.toThrow('disk full')
    expect(committed).toEqual(['a'])
  })

  test('takes the answer from nobody when it fails', async () => {
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))
    const answers = await Promise.all(['a', 'clumsy', 'c'].map(name => write(name)))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(committed.toSorted()).toEqual(['a', 'c', 'clumsy'])
    expect((await warned).message).toBe('what follows a commit fails')
  })
})

describe('an Idempotency-Key', () => {
  test('makes one of requests in the same statement, and of later ones', async () => {
    const together = await Promise.all(names(50).map(() => write('a', 'key')))
    const later = await write('a', 'key')
    expect(await stored()).toEqual(['a'])
    expect(new Set([...together, later].map(({ body }) => (body as { at: string }).at)).size).toBe(1)
    expect(together.filter(({ headers }) => headers?.['idempotency-replayed'])).toHaveLength(49)
  })

  test('with another body is refused, alone', async () => {
    const results = await Promise.allSettled([write('a', 'key'), write('b', 'key'), write('c'), write('d', 'other')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: { status: 422 } })
    expect(await stored()).toEqual(['a', 'c', 'd'])
  })

  test('gets the answer of the first request also when it would be refused now', async () => {
    await expect(refuse('key')).rejects.toMatchObject({ code: 'too-late' })
    const first = await write('a', 'key')
    expect(await refuse('key')).toMatchObject({ status: 201, body: first.body })
    await expect(refuse('other')).rejects.toMatchObject({ code: 'too-late' })
  })

  test('of a request that fails stays free', async () => {
    await expect(write(null, 'key')).rejects.toMatchObject({ code: '23502' })
    expect((await write('a', 'another')).status).toBe(201)
    expect((await write(null, 'key').catch((error: unknown) => error)) as object).toMatchObject({ code: '23502' })
  })

  test.each(['40001', 'ECONNRESET'])('is kept through %s', async code => {
    failing(2, () => Object.assign(new Error('again'), { code }))
    const answers = await Promise.all([write('a', 'key'), write('a', 'key')])
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(await stored()).toEqual(['a'])
  })
})
