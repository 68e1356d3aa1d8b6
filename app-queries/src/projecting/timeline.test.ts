import { listen, newId, type Received } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderCreated } from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { appendToTimeline, timelineChannel, type Happening } from './timeline.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

function happening(orderId: string, publishedAt?: Date): Happening {
  const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: false }
  const message: Received<typeof orderCreated> = {
    id: newId(),
    type: orderCreated.type,
    data: orderCreated.schema.parse(orderCreated.example),
    correlationId: undefined,
    causedBy: undefined,
    publishedAt,
    trace,
  }
  return { message, orderId, userId: null, version: 1, note: null }
}

const append = (happenings: readonly Happening[], hold: () => Promise<unknown> = async () => {}) =>
  model.resources.transact(async tx => {
    await appendToTimeline(tx, 'orders', happenings)
    await hold()
  })

test('a reader who asks for what is after the last position misses nothing, however many write', async () => {
  const orderId = newId()
  const seen: string[] = []
  let last = 0
  const readOn = async () => {
    const rows = await model.sql<{ id: string; position: string }>(
      'select message_id as id, position from timeline where position > $1 and order_id = $2 order by position',
      last,
      orderId,
    )
    for (const { id, position } of rows) {
      seen.push(id)
      last = Number(position)
    }
  }
  const written: string[] = []
  const write = async () => {
    for (let round = 0; round < 25; round++) {
      const happenings = [happening(orderId), happening(orderId)]
      written.push(...happenings.map(({ message }) => message.id))
      // Some commits take longer than others.
      await append(happenings, () => model.resources.query({ text: `select pg_sleep(${(round % 3) / 1_000})` }))
    }
  }
  let writing = true
  const writers = Promise.all([write(), write(), write()]).finally(() => (writing = false))
  while (writing) await readOn()
  await writers
  await readOn()
  expect(seen).toHaveLength(150)
  expect(new Set(seen)).toEqual(new Set(written))
})

test('messages of one batch are in the order in which they were published', async () => {
  const orderId = newId()
  const moments = [3, 1, 2].map(second => new Date(Date.UTC(2026, 10, 21, 12, 0, second)))
  await append(moments.map(moment => happening(orderId, moment)))
  const rows = await model.sql<{ at: Date }>(
    'select published_at as at from timeline where order_id = $1 order by position',
    orderId,
  )
  expect(rows.map(({ at }) => at)).toEqual(moments.toSorted((a, b) => a.getTime() - b.getTime()))
})

test('a batch that adds something is heard of once, and one that only repeats is not', async () => {
  const { config, log } = model.resources
  let heard = 0
  const stop = listen({ config, channel: timelineChannel, log, onNotice: () => void heard++ })
  try {
    await waitUntil('it listens', () => heard === 1)
    const batch = [happening(newId()), happening(newId())]
    await append(batch)
    for (let repetition = 0; repetition < 5; repetition++) await append(batch)
    await append([happening(newId())])
    await waitUntil('both are heard of', () => heard >= 3)
    await append([happening(newId())])
    await waitUntil('so is the next', () => heard >= 4)
    expect(heard).toBe(4)
  } finally {
    await stop()
  }
})
