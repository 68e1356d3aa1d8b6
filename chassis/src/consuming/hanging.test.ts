import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Transaction } from '../service.ts'
import { handledCount } from '../testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, noteCopied, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'
import { consume, perform } from './consumer.ts'

// A handler that hangs, once, until the test lets it go; what it does then comes too late.
let hang: boolean
let attempts: number
let signals: AbortSignal[]
/** Milliseconds that handling a note takes. */
let pause: number
let late: Promise<string> | undefined
let letGo: () => void
const hangOnce = async (tx?: Transaction) => {
  attempts++
  if (!hang) return
  hang = false
  const { promise: opened, resolve } = Promise.withResolvers<void>()
  letGo = resolve
  const going = opened.then(async () => tx?.query({ text: `insert into effects (note_id, message_id) values ('late', '')` })) // prettier-ignore
  late = going.then(() => 'written', (error: Error) => error.message) // prettier-ignore
  await going
}
const onNote = consume('on-note', noteWritten, async (message, tx) => {
  await leaveEffect(tx, message)
  if (pause > 0) await sleep(pause)
  await hangOnce(tx)
})
const onCopied = perform('on-copied', noteCopied, {
  claim: async message => message,
  async act(_job, _resources, signal) {
    signals.push(signal)
    await hangOnce()
  },
  settle: async (message, _result, tx) =>
    void (await tx.query({ text: 'insert into effects (note_id, message_id) values ($1, $2)', values: [message.data.noteId, message.id] })), // prettier-ignore
})

let service: TestService
beforeAll(async () => {
  service = await startTestService(notesService({ consumers: [onNote, onCopied] }), { HANDLER_TIMEOUT: '200ms' })
})
beforeEach(async () => {
  hang = true
  attempts = 0
  signals = []
  pause = 0
  late = undefined
  service.resources.metrics.resetMetrics()
  await service.resources.query({ text: 'truncate effects' })
})
afterAll(() => service[Symbol.asyncDispose]())

const openTransactions = async () =>
  (await service.resources.query({ text: `select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'` })).rowCount // prettier-ignore
const effects = () => effectsOf(service.resources.query)

test('a handler that hangs has failed, is tried again, and what it does afterwards has no effect', async () => {
  await service.deliver(noteWritten, note('a'))
  expect(attempts).toBe(2)
  expect(await handledCount(service, 'retried')).toBe(1)
  await waitUntil('its transaction and the locks it held are gone', async () => (await openTransactions()) === 0)
  letGo()
  expect(await late).not.toBe('written')
  expect(await effects()).toEqual(['a'])
})

test('messages that take too long together are handled one by one, which is no failure of theirs', async () => {
  hang = false
  pause = 60
  await using queues = await Queues.of(service.env)
  // Those after the first wait together while it is handled.
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await queues.publish(noteWritten, note(name))
  await waitUntil('all are handled', async () => (await handledCount(service, 'handled')) === 6)
  expect((await effects()).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(await handledCount(service, 'retried')).toBe(0)
  const { rows } = await service.resources.query({
    text: 'select max(count(*)) over () as most from effects group by xmin',
  })
  expect(Number(rows[0]?.['most'])).toBeLessThanOrEqual(3)
})

test('an act that hangs is told so, and acted again', async () => {
  await service.deliver(noteCopied, note('a'))
  expect(attempts).toBe(2)
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  expect(signals[0]?.reason).toMatchObject({ name: 'TimeLimitExceeded', message: 'not finished within 200 ms' })
  expect(await effects()).toEqual(['a'])
  letGo()
})
