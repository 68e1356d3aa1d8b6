import { afterAll, beforeAll, expect, test } from 'vitest'
import { purge } from './housekeeping.ts'
import { firstIdAt, newId } from './ids.ts'
import { openOutbox, type Outbox } from './testing/fixture/outbox.ts'

const day = 86_400_000
const settings = { OUTBOX_RETENTION: 7 * day, INBOX_RETENTION: 30 * day, IDEMPOTENCY_RETENTION: day }
const ago = (days: number) => new Date(Date.now() - days * day)

let outbox: Outbox
beforeAll(async () => {
  outbox = await openOutbox()
})
afterAll(() => outbox[Symbol.asyncDispose]())

async function append(name: string, created: Date, published: Date | null, unrouted: Date | null = null) {
  await outbox.database.query({
    text: `insert into chassis.outbox (id, type, aggregate_type, aggregate_id, payload, headers, created_at, published_at, unrouted_at)
           values ($1, $2, '', '', '{}', '{}', $3, $4, $5)`,
    // No two of one moment.
    values: [firstIdAt(created).slice(0, 24) + newId().slice(24), name, created, published, unrouted],
  })
}

test('what was kept long enough goes, and nothing else', async () => {
  const { query } = outbox.database
  await append('published long ago', ago(8), ago(8))
  await append('published lately', ago(6), ago(6))
  await append('old, but published lately', ago(8), ago(1))
  await append('old and not published', ago(99), null)
  await append('old and without a queue', ago(99), null, ago(99))
  await query({
    text: `insert into chassis.processed_messages (consumer, message_id, processed_at)
           values ('c', 'old', $1), ('c', 'young', $2)`,
    values: [ago(31), ago(29)],
  })
  await query({
    text: `insert into chassis.suspect_messages (consumer, message_id, deliveries, seen_at)
           values ('c', 'old', 1, $1), ('c', 'young', 1, $2)`,
    values: [ago(31), ago(29)],
  })
  await query({
    text: `insert into chassis.idempotency_keys (scope, key, claim_id, request_hash, created_at)
           values ('s', 'old', $3, '', $1), ('s', 'young', $3, '', $2)`,
    values: [ago(1.1), ago(0.9), newId()],
  })
  await query({
    text: `insert into chassis.dead_letters (id, queue, message_id, type, reason, attempts, fingerprint, payload, headers, died_at, replayed_at)
           values ($1, 'q', 'old', 't', 'r', 1, 'f', '', '{}', $4, null),
             ($2, 'q', 'replayed long ago', 't', 'r', 1, 'f', '', '{}', $4, $5),
             ($3, 'q', 'replayed lately', 't', 'r', 1, 'f', '', '{}', $4, $6)`,
    values: [newId(), newId(), newId(), ago(99), ago(8), ago(6)],
  })
  await purge(query, settings)
  const kept = async (column: string, table: string) =>
    (await query<{ kept: string }>({ text: `select ${column} as kept from chassis.${table} order by 1` })).rows.map(row => row.kept) // prettier-ignore
  expect(await kept('type', 'outbox')).toEqual([
    'old and not published',
    'old and without a queue',
    'old, but published lately',
    'published lately',
  ])
  expect(await kept('message_id', 'processed_messages')).toEqual(['young'])
  expect(await kept('message_id', 'suspect_messages')).toEqual(['young'])
  expect(await kept('key', 'idempotency_keys')).toEqual(['young'])
  expect(await kept('message_id', 'dead_letters')).toEqual(['old', 'replayed lately'])
})

test('more than one batch goes', async () => {
  const { query } = outbox.database
  await query({
    text: `insert into chassis.processed_messages (consumer, message_id, processed_at)
           select 'many', number::text, $1 from generate_series(1, 11000) as number`,
    values: [ago(31)],
  })
  await purge(query, settings)
  const { rows } = await query({ text: `select count(*)::int from chassis.processed_messages where consumer = 'many'` })
  expect(rows).toEqual([{ count: 0 }])
})
