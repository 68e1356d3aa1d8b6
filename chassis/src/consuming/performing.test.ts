import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { perform, type Performance } from './consumer.ts'
import { handledCount } from '../testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, notesService, noteWritten, type NoteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

type Steps = Performance<typeof noteWritten, NoteWritten, string, unknown>

const steps: Steps = {
  claim: async message => message,
  act: async () => 'done',
  settle: async (message, _result, tx) => leaveEffect(tx, message),
}
// Each test puts its own steps in; what they do is what it is about.
let current: Steps = steps
const onNote = perform(
  'on-note',
  noteWritten,
  {
    claim: (...args) => current.claim(...args),
    act: (...args) => current.act(...args),
    settle: (...args) => current.settle(...args),
  },
  { maxInFlight: 3 },
)
const definition = notesService({ consumers: [onNote] })

let service: TestService
let queues: Queues
beforeAll(async () => {
  service = await startTestService(definition)
  queues = await Queues.of(service.env)
})
beforeEach(async () => {
  await service.resources.query({ text: 'truncate effects' })
})
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

const effects = () => effectsOf(service.resources.query)
const handled = (what: string, count: number) => waitUntil(what, async () => (await effects()).length >= count)

test('claims, acts outside any transaction, and settles', async () => {
  const order: string[] = []
  let transactions = -1
  current = {
    async claim(message, tx) {
      order.push('claim')
      await tx.query({ text: 'insert into notes (id, body) values ($1, $2)', values: [message.data.noteId, 'claimed'] })
      return message
    },
    async act({ data }) {
      order.push('act')
      const { rows } = await service.resources.query<{ body: string; open: number }>({
        text: `select body, (select count(*)::int from pg_stat_activity
                 where datname = current_database() and state like 'idle in transaction%') as open
               from notes where id = $1`,
        values: [data.noteId],
      })
      transactions = rows[0]?.open ?? -1
      return rows[0]?.body ?? 'not claimed'
    },
    async settle(message, result, tx) {
      order.push(`settle ${result}`)
      await leaveEffect(tx, message)
    },
  }
  await service.deliver(noteWritten, note('a'))
  expect(order).toEqual(['claim', 'act', 'settle claimed'])
  expect(transactions).toBe(0)
  expect(await effects()).toEqual(['a'])
})

test('what is claimed as nothing to do is handled', async () => {
  let acted = 0
  current = { ...steps, claim: async () => undefined, act: async () => `${++acted}` }
  const messageId = await service.deliver(noteWritten, note('a'))
  expect(acted).toBe(0)
  current = { ...steps, act: async () => `${++acted}` }
  await service.deliver(noteWritten, note('a'), { messageId })
  expect(acted).toBe(0)
})

test('acts upon no more than maxInFlight at a time, and upon as many', async () => {
  let acting = 0
  let most = 0
  const { promise: full, resolve: fill } = Promise.withResolvers<void>()
  current = {
    ...steps,
    async act() {
      most = Math.max(most, ++acting)
      if (acting === 3) fill()
      await full
      // A fourth would have come in by the time the broker has answered somebody else.
      await queues.depth('notes.on-note')
      acting--
      return 'done'
    },
  }
  for (let index = 0; index < 20; index++) await queues.publish(noteWritten, note(`note-${index}`))
  await handled('all are handled', 20)
  expect(most).toBe(3)
})

test('an act that fails is repeated from its claim after a pause, then dead', async () => {
  const claimed: string[] = []
  let acted = 0
  current = {
    ...steps,
    claim: async message => (claimed.push(message.id), message),
    async act() {
      acted++
      throw new Error('the other side is away')
    },
  }
  const id = await service.deliver(noteWritten, note('a'))
  expect(claimed).toEqual([id, id, id])
  expect(acted).toBe(3)
  expect(await effects()).toEqual([])
  const { rows } = await service.resources.query({ text: 'select message_id, reason from chassis.dead_letters' })
  expect(rows).toEqual([{ message_id: id, reason: 'attempts-exhausted' }])
})

test('a settlement that fails is repeated with its act, and settles once', async () => {
  let acted = 0
  current = {
    ...steps,
    act: async () => `${++acted}`,
    async settle(message, _result, tx) {
      await leaveEffect(tx, message)
      if (acted === 1) throw new Error('not yet')
    },
  }
  await service.deliver(noteWritten, note('a'))
  expect(acted).toBe(2)
  expect(await effects()).toEqual(['a'])
})

test('two copies at once, in one replica or in two, are acted upon once', async () => {
  let acted = 0
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  current = {
    ...steps,
    async act() {
      acted++
      await opened
      return 'done'
    },
  }
  await using replica = await startReplica(definition, service.env)
  const before = (await handledCount(service, 'duplicate')) + (await handledCount(replica, 'duplicate'))
  for (let copy = 0; copy < 4; copy++) await queues.publish(noteWritten, note('a'), { messageId: 'copied' })
  await waitUntil('all copies are held', async () => (await queues.depth('notes.on-note')) === 0 && acted > 0)
  open()
  await waitUntil('the others are seen', async () => {
    return (await handledCount(service, 'duplicate')) + (await handledCount(replica, 'duplicate')) === before + 3
  })
  expect(acted).toBe(1)
  expect(await effects()).toEqual(['a'])
})

test('what was acted upon is settled although the broker is lost meanwhile', async () => {
  let acted = 0
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const act = async () => {
    acted++
    await opened
    return 'done'
  }
  const other = perform('on-other', noteWritten, { ...steps, act })
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  await using home = await startTestService(notesService({ consumers: [other] }))
  await home.stop()
  await using behind = await startReplica(notesService({ consumers: [other] }), { ...home.env, BROKER_URL: proxy.url })
  await using theirs = await Queues.of(home.env)
  await theirs.publish(noteWritten, note('a'))
  await waitUntil('it is acted upon', () => acted === 1)
  proxy.reset()
  await waitUntil('the connection is lost', () => proxy.connections === 0)
  await waitUntil('it is back', () => proxy.connections === 3)
  open()
  await waitUntil('the copy is recognised', async () => (await handledCount(behind, 'duplicate')) === 1)
  expect(acted).toBe(1)
  expect(await effectsOf(behind.resources.query)).toEqual(['a'])
})
