import { describe, expect, test } from 'vitest'
import { violations, type Seeded } from './invariants.ts'
import type { Answer } from './order-book.ts'
import type { OutboxRow, Snapshot } from './snapshot.ts'

const event = (id: string, type: string, aggregateId: string): OutboxRow => ({
  id,
  type,
  queue: null,
  aggregateId,
  version: 1,
  headers: {},
  state: 'published',
})

const seen = (...ids: string[]) =>
  ids.map(id => ({ id, type: 'any', correlationId: undefined, headers: {}, body: null }))

/** Two orders, each with its invoice. */
const healthy: Snapshot = {
  orders: [
    { id: 'a', totalCents: 100 },
    { id: 'b', totalCents: 200 },
  ],
  history: [
    { orderId: 'a', version: 1 },
    { orderId: 'b', version: 1 },
  ],
  keys: [
    { key: 'key-a', orderId: 'a' },
    { key: 'key-b', orderId: 'b' },
  ],
  invoices: [
    { id: 'ia', orderId: 'a', number: '2026-000001', totalCents: 100, version: 1 },
    { id: 'ib', orderId: 'b', number: '2026-000002', totalCents: 200, version: 1 },
  ],
  counters: [{ year: 2026, last: 2 }],
  outbox: {
    orders: [event('ma', 'order.created', 'a'), event('mb', 'order.created', 'b')],
    invoices: [event('mia', 'invoice.issued', 'ia'), event('mib', 'invoice.issued', 'ib')],
  },
  handled: ['ma', 'mb'],
  dead: [],
  depths: new Map([['queue', 0]]),
  seen: seen('ma', 'mb', 'mb', 'mia', 'mib'),
}

const answers: Answer[] = [
  { key: 'key-a', totalCents: 100, status: 201, body: { id: 'a' }, milliseconds: 1 },
  { key: 'key-a', totalCents: 100, status: 201, body: { id: 'a' }, milliseconds: 1 },
  // Nobody answered this customer, but the order was written.
  { key: 'key-b', totalCents: 200, milliseconds: 1 },
]

test('a system that works violates nothing', () => {
  expect(violations(healthy, answers)).toEqual([])
})

test('what a test put in is no violation', () => {
  const seeded: Seeded = {
    poison: ['p', 'mb'],
    foreign: [{ messageId: 'f', orderId: 'c', totalCents: 300 }],
    uninvoiced: ['b'],
    unroutable: ['invoice.issued'],
  }
  const snapshot: Snapshot = {
    ...healthy,
    invoices: [
      { id: 'ia', orderId: 'a', number: '2026-000001', totalCents: 100, version: 1 },
      { id: 'ic', orderId: 'c', number: '2026-000002', totalCents: 300, version: 1 },
    ],
    outbox: {
      orders: healthy.outbox.orders,
      invoices: [
        { ...event('mia', 'invoice.issued', 'ia'), state: 'unrouted' },
        { ...event('mic', 'invoice.issued', 'ic'), state: 'unrouted' },
      ],
    },
    handled: ['ma', 'f'],
    dead: ['mb', 'p'],
    seen: undefined,
  }
  expect(violations(snapshot, answers, seeded)).toEqual([])
})

const without = <Row>(rows: readonly Row[]) => rows.slice(1)
const twice = <Row>(rows: readonly Row[]) => [...rows, rows[0] as Row]
const { outbox } = healthy

describe('a violation is recognised', () => {
  test.each<[string, string, Partial<Snapshot>]>([
    ['I1', 'an order lost', { orders: without(healthy.orders) }],
    ['I1', 'an order over another amount', { orders: [{ id: 'a', totalCents: 99 }, ...without(healthy.orders)] }],
    ['I2', 'an order that nobody asked for', { orders: [...healthy.orders, { id: 'c', totalCents: 1 }] }],
    ['I2', 'a key that nobody used', { keys: [{ key: 'key-c', orderId: 'a' }, ...without(healthy.keys)] }],
    ['I3', 'two orders for one key', { keys: [{ key: 'key-a', orderId: 'b' }, ...without(healthy.keys)] }],
    ['I3', 'more orders than keys', { keys: without(healthy.keys) }],
    ['I4', 'an event lost', { outbox: { ...outbox, orders: without(outbox.orders) } }],
    ['I4', 'an event twice', { outbox: { ...outbox, orders: twice(outbox.orders) } }],
    ['I4', 'an event of nothing', { history: without(healthy.history) }],
    ['I4', "an invoice's event lost", { outbox: { ...outbox, invoices: without(outbox.invoices) } }],
    ['I5', 'an invoice lost', { invoices: without(healthy.invoices) }],
    ['I5', 'an invoice twice', { invoices: twice(healthy.invoices) }],
    ['I5', 'an invoice over another amount', { orders: [{ id: 'a', totalCents: 99 }, ...without(healthy.orders)] }],
    ['I5', 'a gap between numbers', { counters: [{ year: 2026, last: 3 }] }],
    ['I8', 'a message that never left', { outbox: { ...outbox, orders: outbox.orders.map(row => ({ ...row, state: 'pending' as const })) } }], // prettier-ignore
    ['I8', 'a message that nobody took', { outbox: { ...outbox, orders: outbox.orders.map(row => ({ ...row, state: 'unrouted' as const })) } }], // prettier-ignore
    ['I8', 'a message left in a queue', { depths: new Map([['queue', 1]]) }],
    ['I8', 'a dead letter', { dead: ['ma'] }],
    ['I9', 'a message that nobody handled', { handled: without(healthy.handled) }],
    ['I9', 'a message handled twice', { handled: twice(healthy.handled) }],
    ['I9', 'a message from nowhere handled', { handled: [...healthy.handled, 'x'] }],
    ['I13', 'a mark without a publication', { seen: seen('mb', 'mia', 'mib') }],
    ['I13', 'a publication from nowhere', { seen: seen('ma', 'mb', 'mia', 'mib', 'x') }],
  ])('%s: %s', (invariant, _what, change) => {
    expect(violations({ ...healthy, ...change }, answers).map(text => text.split(':')[0])).toContain(invariant)
  })

  test('I3: two answers to one key that differ', () => {
    const other = { key: 'key-a', totalCents: 100, status: 201, body: { id: 'a', version: 2 }, milliseconds: 1 }
    expect(violations(healthy, [...answers, other])).toEqual(['I3: key key-a got 2 different answers'])
  })

  test('I8: poison that did not die', () => {
    expect(violations(healthy, answers, { poison: ['p'] })).toEqual(['I8: p has 0 dead letters'])
  })
})
