import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { Feira, retryDelays } from './harness/feira.ts'
import { post, request } from './harness/http.ts'
import type { Seeded } from './harness/invariants.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

/** Orders over this amount make the handler of app-invoices fail, as often as a test says. */
const cursed = 66_601

let feira: Feira
/** What did not come from app-orders. */
const foreign: NonNullable<Seeded['foreign']>[number][] = []

beforeAll(async () => {
  feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl') })
})
afterAll(() => feira?.tearDown())

// A rollback takes back everything that the failing transaction did, but not the numbers that a sequence gave.
beforeEach(() => feira.databases.invoices.rows('create sequence attempts'))
afterEach(async () => {
  await heal()
  await feira.databases.invoices.rows('drop sequence attempts')
})

async function failTimes(times: number): Promise<void> {
  await feira.databases.invoices.rows(`
    create function fail() returns trigger language plpgsql as $$ begin
      if new.total_cents = ${cursed} then
        if nextval('attempts') <= ${times} then raise exception 'order % is cursed', new.order_id; end if;
      end if;
      return new;
    end $$;
    create trigger fail before insert on invoices for each row execute function fail()`)
}

const heal = () => feira.databases.invoices.rows('drop function if exists fail cascade')

async function attempts(): Promise<number> {
  const rows = await feira.databases.invoices.rows<{ n: number }>('select last_value::int as n from attempts')
  return rows[0]?.n ?? 0
}

const handled = (outcome: string) => feira.invoices.metric('messages_handled_total', { outcome })

const invoicesOf = (orderId: string) =>
  feira.databases.invoices.rows<{ number: string }>('select number from invoices where order_id = $1', [orderId])

interface Group {
  readonly fingerprint: string
  readonly reason: string
  readonly error: string
  readonly count: number
  readonly newestId: string
}

const ops = (path = '') => `${feira.invoices.url}/ops/dead-letters${path}`

async function deadGroups(): Promise<Group[]> {
  return ((await request(ops(), { headers: feira.admin })).body as { groups: Group[] }).groups
}

test('a handler that fails twice and then works leads to one invoice, after the pauses', async () => {
  await failTimes(2)
  const before = await handled('retried')
  const orderId = await feira.book.placeOne({ totalCents: cursed })
  await verify(feira, { foreign })
  expect(await invoicesOf(orderId)).toHaveLength(1)
  expect(await attempts()).toBe(3)
  expect(await handled('retried')).toBe(before + 2)

  const [order, invoices] = await Promise.all([
    request(`${feira.url}/orders/${orderId}`, { headers: feira.admin }),
    request(`${feira.url}/invoices?orderId=${orderId}`, { headers: feira.admin }),
  ])
  const placedAt = Date.parse((order.body as { createdAt: string }).createdAt)
  const [invoice] = (invoices.body as { items: { issuedAt: string }[] }).items
  const [first = 0, second = 0] = retryDelays
  expect(Date.parse(invoice?.issuedAt ?? '') - placedAt).toBeGreaterThanOrEqual(first + second)
})

test('a handler that always fails costs the orders around it nothing; its message dies, and lives again once it is fixed', async () => {
  await failTimes(1_000)
  const orderId = await feira.book.placeOne({ totalCents: cursed })
  await feira.book.placeMany({ count: 50 })
  const [group] = await until('the message is dead', async () => {
    const groups = await deadGroups()
    return groups.length > 0 && groups
  })
  expect(group).toMatchObject({ reason: 'attempts-exhausted', count: 1, type: 'order.created' })
  expect(group?.error).toContain(`order ${orderId} is cursed`)
  const { body } = await request(ops(`/${group?.newestId}`), { headers: feira.admin })
  const letter = body as { messageId: string; attempts: number; payload: string; traceId: string }
  expect(letter.attempts).toBe(1 + retryDelays.length)
  expect(JSON.parse(letter.payload)).toMatchObject({ orderId, totalCents: cursed })
  const { invoices } = await verify(feira, { foreign, poison: [letter.messageId], uninvoiced: [orderId] })
  expect(invoices.length).toBeGreaterThanOrEqual(50)

  await heal()
  const { fingerprint } = group as Group
  expect(await post(ops('/replay'), { fingerprint, dryRun: true }, feira.admin)).toMatchObject({
    body: { wouldReplay: 1 },
  })
  expect(await post(ops(`/${group?.newestId}/replay`), undefined, feira.admin)).toMatchObject({
    status: 200,
    body: { replayed: 1 },
  })
  const { outbox } = await verify(feira, { foreign })
  expect(await invoicesOf(orderId)).toHaveLength(1)
  expect(await deadGroups()).toEqual([])
  const issued = outbox.invoices.find(({ headers }) => headers['caused-by'] === letter.messageId)
  expect(issued?.headers['traceparent']).toContain(letter.traceId)
  expect(await post(ops(`/${group?.newestId}/replay`), undefined, feira.admin)).toMatchObject({
    status: 409,
    body: { code: 'not-replayable' },
  })
})

test('messages that died of one cause are one group and are replayed together', async () => {
  await failTimes(1_000)
  const orderIds = await Promise.all(Array.from({ length: 5 }, () => feira.book.placeOne({ totalCents: cursed })))
  const [group, ...others] = await until('all five are dead', async () => {
    const groups = await deadGroups()
    return groups.reduce((sum, { count }) => sum + count, 0) === 5 && groups
  })
  expect(group?.count).toBe(5)
  expect(others).toEqual([])
  await heal()
  expect(await post(ops('/replay'), { fingerprint: group?.fingerprint }, feira.admin)).toMatchObject({
    body: { replayed: 5 },
  })
  await verify(feira, { foreign })
  for (const orderId of orderIds) expect(await invoicesOf(orderId)).toHaveLength(1)
})

test('a message from outside, with no more than an id, is tried again like any other', async () => {
  await failTimes(2)
  const [messageId, orderId] = [randomUUID(), randomUUID()]
  const order = { orderId, version: 1, status: 'reserved', userId: null, customer: null, items: [] }
  const body = JSON.stringify({ ...order, totalCents: cursed, currency: 'BRL', createdAt: new Date().toISOString() })
  await feira.broker.publish([{ body, options: { messageId } }])
  foreign.push({ messageId, orderId, totalCents: cursed })
  await verify(feira, { foreign })
  expect(await attempts()).toBe(3)
})
