import { newId, type Received } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderCreated } from '@feira/contracts/orders'
import pg from 'pg'
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

test('a batch that adds something is heard of once, after its commit, and one that repeats is not', async () => {
  const listener = new pg.Client({ connectionString: model.env['DATABASE_URL'] ?? '' })
  await listener.connect()
  try {
    const orderId = newId()
    const counts: number[] = []
    const count = async () =>
      (await model.sql<{ n: number }>('select count(*)::int as n from timeline where order_id = $1', orderId))[0]?.n ??
      -1
    listener.on('notification', () => void count().then(n => counts.push(n)))
    await listener.query(`listen ${timelineChannel}`)
    const batch = [happening(orderId), happening(orderId)]
    await append(batch)
    await append(batch)
    await append([happening(orderId)])
    await waitUntil('both are heard of', () => counts.length >= 2)
    await listener.query('select 1')
    expect(counts).toHaveLength(2)
    expect(counts[0]).toBeGreaterThanOrEqual(2)
  } finally {
    await listener.end()
  }
})
