import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newId } from '../ids.ts'
import { countOf } from '../testing/fixture/counts.ts'
import { openOutbox, type Outbox } from '../testing/fixture/outbox.ts'
import { watchOutbox, watchPublisher } from './outbox-metrics.ts'

let outbox: Outbox
let registry: Registry
beforeAll(async () => {
  outbox = await openOutbox()
})
afterAll(() => outbox[Symbol.asyncDispose]())
beforeEach(async () => {
  registry = new Registry()
  watchOutbox(outbox.database.query, registry)
  await outbox.database.query({ text: 'truncate chassis.outbox' })
})

interface Row {
  readonly age?: string
  readonly published?: boolean
  readonly unrouted?: boolean
}

async function append({ age = '0', published = false, unrouted = false }: Row): Promise<void> {
  await outbox.database.query({
    text: `insert into chassis.outbox (id, type, aggregate_type, aggregate_id, payload, headers, created_at, published_at, unrouted_at)
           values ($1, 'note.written', '', '', '{}', '{}', now() - $2::interval,
             case when $3 then now() end, case when $4 then now() end)`,
    values: [newId(), age, published, unrouted],
  })
}

const waiting = (state: string) => countOf(registry, 'outbox_messages', { state })

test('what has not left is counted as it is now, with the age of the oldest', async () => {
  expect([await waiting('pending'), await waiting('unrouted')]).toEqual([0, 0])
  expect(await countOf(registry, 'outbox_oldest_seconds')).toBe(0)
  await append({ age: '3 days', published: true })
  await append({ age: '2 days', unrouted: true })
  await append({ age: '1 day' })
  await append({})
  expect([await waiting('pending'), await waiting('unrouted')]).toEqual([2, 1])
  expect(await countOf(registry, 'outbox_oldest_seconds')).toBeGreaterThan(86_399)
  expect(await countOf(registry, 'outbox_oldest_seconds')).toBeLessThan(2 * 86_400)
})

test('a huge backlog is counted up to a number, and the connection left as it was', async () => {
  const { query } = outbox.database
  await query({
    text: `insert into chassis.outbox (id, type, aggregate_type, aggregate_id, payload, headers, unrouted_at)
           select gen_random_uuid(), 'note.written', '', '', '{}', '{}', case when n % 2 = 0 then now() end
           from generate_series(1, 20100) as n`,
  })
  expect([await waiting('pending'), await waiting('unrouted')]).toEqual([10_000, 10_000])
  expect((await query({ text: 'show enable_bitmapscan' })).rows).toEqual([{ enable_bitmapscan: 'on' }])
})

test('a clock that was set back makes no age negative', async () => {
  await append({ age: '-1 hour' })
  expect(await countOf(registry, 'outbox_oldest_seconds')).toBe(0)
})

test('the publisher tells whether the broker can be given messages', async () => {
  const broker: { trouble?: string } = {}
  watchPublisher({ trouble: () => broker.trouble }, registry)
  expect(await countOf(registry, 'broker_connected')).toBe(1)
  broker.trouble = 'connection refused'
  expect(await countOf(registry, 'broker_connected')).toBe(0)
})
