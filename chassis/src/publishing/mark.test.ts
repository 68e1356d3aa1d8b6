import { afterAll, beforeAll, expect, test } from 'vitest'
import { note, noteWritten } from '../testing/fixture/notes.ts'
import { openOutbox, type Outbox } from '../testing/fixture/outbox.ts'
import { createMark } from './mark.ts'
import { appendToOutbox, toOutboxRow, type OutboxRow } from './outbox.ts'

let outbox: Outbox
beforeAll(async () => void (outbox = await openOutbox()))
afterAll(() => outbox[Symbol.asyncDispose]())

async function written(...ids: string[]): Promise<OutboxRow[]> {
  const rows = ids.map(id => toOutboxRow(noteWritten, note(id)))
  await appendToOutbox(outbox.database.query, rows)
  return rows
}

/** What the outbox says of rows. A statement notes the same moment of all that it marks. */
async function marked(rows: readonly OutboxRow[]): Promise<string[]> {
  const { rows: found } = await outbox.database.query<{ said: string }>({
    text: `select coalesce('published ' || published_at, 'unrouted ' || unrouted_at, 'pending') as said
           from unnest($1::uuid[]) with ordinality as t (id, place) join chassis.outbox using (id) order by place`,
    values: [rows.map(({ id }) => id)],
  })
  return found.map(({ said }) => said)
}

test('what comes while a statement runs shares the next one', async () => {
  const rows = await written('a', 'b', 'c', 'd', 'e')
  const mark = createMark(outbox.database.pool)
  const first = mark(rows.slice(0, 1), ['confirmed'])
  // The first statement has been sent by then.
  for (let step = 0; step < 10; step++) await Promise.resolve()
  const second = mark(rows.slice(1, 2), ['confirmed'])
  await Promise.all([first, second, mark(rows.slice(2), ['confirmed', 'unroutable', new Error('not confirmed')])])
  const [a, b, c, d, e] = await marked(rows)
  expect([a, b, c, d, e].map(said => said?.split(' ')[0])).toEqual([
    ...Array(3).fill('published'),
    'unrouted',
    'pending',
  ])
  expect(c).toBe(b)
  expect(b).not.toBe(a)
})

test('a statement that fails is the failure of those alone that it was to mark', async () => {
  const rows = await written('e', 'f')
  const [e, f] = rows as [OutboxRow, OutboxRow]
  let away = true
  const query = (...args: unknown[]) =>
    away ? Promise.reject(new Error('the database is away')) : outbox.database.pool.query(...(args as [string]))
  const mark = createMark({ query } as never)
  await expect(mark([e], ['confirmed'])).rejects.toThrow('the database is away')
  away = false
  await mark([f], ['confirmed'])
  expect((await marked(rows)).map(text => text.split(' ')[0])).toEqual(['pending', 'published'])
})
