import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { consume } from './consumer.ts'
import type { Transaction } from '../service.ts'
import { handledCount } from '../testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, notesService, noteWritten, type NoteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startReplica, type Replica } from '../testing/fixture/replica.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

type Handle = (message: NoteWritten, tx: Transaction, run: number) => Promise<unknown>

// What the handler does after its effect; each test says.
let handle: Handle
let runs: number
const onNote = consume('on-note', noteWritten, async (message, tx) => {
  await leaveEffect(tx, message)
  await handle(message, tx, ++runs)
})
const definition = notesService({ consumers: [onNote] })

// The service reaches its database by way of a proxy; the other one is there to look, and to clean up.
let home: TestService
let proxy: TcpProxy
let service: Replica
let queues: Queues
beforeAll(async () => {
  home = await startTestService(definition)
  await home.stop()
  proxy = await TcpProxy.to(home.env['DATABASE_URL'] as string)
  service = await startReplica(definition, { ...home.env, DATABASE_URL: proxy.url })
  queues = await Queues.of(home.env)
})
beforeEach(async () => {
  runs = 0
  service.resources.metrics.resetMetrics()
  await service.resources.query({ text: 'truncate effects, chassis.dead_letters' })
})
afterAll(async () => {
  await service.stop()
  await queues[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

const effects = () => effectsOf(service.resources.query)
const outcome = (what: string, count: number) =>
  waitUntil(`${count} are ${what}`, async () => (await handledCount(service, what)) === count)

/** A statement that fails as PostgreSQL would. */
const failWith = (tx: Transaction, code: string) =>
  tx.query({ text: `do $$ begin raise exception 'told to fail' using errcode = '${code}'; end $$` })

describe('repeated without counting as an attempt is', () => {
  test.each(['40001', '40P01'])('a transaction that lost a race (%s), as often as it takes', async code => {
    handle = async (_message, tx, run) => run <= 9 && failWith(tx, code)
    await queues.publish(noteWritten, note('a'))
    await outcome('handled', 1)
    expect(runs).toBe(10)
    expect(await handledCount(service, 'retried')).toBe(0)
    expect(await effects()).toEqual(['a'])
  })

  test('a transaction whose connection was ended', async () => {
    handle = async (_message, tx, run) =>
      run <= 2 && tx.query({ text: 'select pg_terminate_backend(pg_backend_pid())' })
    await queues.publish(noteWritten, note('a'))
    await outcome('handled', 1)
    expect(runs).toBe(3)
    expect(await handledCount(service, 'retried')).toBe(0)
    expect(await effects()).toEqual(['a'])
  })

  test('a batch during which the database goes away for a while', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    handle = async (_message, _tx, run) => run === 2 && proxy.refuse()
    for (const name of names) await queues.publish(noteWritten, note(name))
    await waitUntil('the database is away', () => runs >= 2)
    await waitUntil('the service notices', async () => (await service.http.inject('/ready')).statusCode === 503)
    const before = runs
    proxy.mend()
    await outcome('handled', names.length)
    expect(runs).toBeGreaterThan(before)
    expect(await handledCount(service, 'retried')).toBe(0)
    expect((await effects()).toSorted()).toEqual(names)
  })
})

describe('an attempt like any other is', () => {
  test('a refused connection to somebody else', async () => {
    handle = async () => {
      throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' })
    }
    await queues.publish(noteWritten, note('a'))
    await outcome('dead', 1)
    expect(await handledCount(service, 'retried')).toBe(2)
    expect(await effects()).toEqual([])
  })

  test('a statement that failed although the handler swallowed its error', async () => {
    handle = async (_message, tx, run) => run === 1 && failWith(tx, '23505').catch(() => {})
    await queues.publish(noteWritten, note('a'))
    await outcome('handled', 1)
    expect(await handledCount(service, 'retried')).toBe(1)
    expect(await effects()).toEqual(['a'])
  })
})
