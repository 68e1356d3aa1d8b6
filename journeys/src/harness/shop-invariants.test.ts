import { expect, test } from 'vitest'
import type { Verb, Wish } from './customers.ts'
import type { Partnership } from './partner-snapshot.ts'
import type { ToldTwice } from './read-model.ts'
import { violationsOfShop, type Known } from './shop-invariants.ts'
import type { InvoiceRow, OrderRow, OutboxRow, ProductRow, ShopSnapshot } from './shop-snapshot.ts'

const known: Known = {
  stocked: [{ productId: 'coffee', initial: 10 }],
  poison: ['bad'],
  promisedEvents: ['e1', 'e2', 'e3'],
}

function wish(verb: Verb, key: string, ...answers: { status: number; body: object }[]): Wish {
  const noted = answers.map(answer => ({ ...answer, headers: new Headers() }))
  return { verb, key, method: 'POST', path: '/', body: undefined, headers: {}, answers: noted }
}

function message(id: string, type: string, [aggregateId, version]: [string, number | null]): OutboxRow {
  return { id, type, queue: null, aggregateId, version, published: true }
}

const items = [{ productId: 'coffee', quantity: 2 }]
const a: OrderRow = { id: 'a', userId: 'ana', status: 'paid', version: 3, totalCents: 200, items }
const b: OrderRow = { id: 'b', userId: 'ana', status: 'cancelled', version: 2, totalCents: 200, items }
const orders = [a, b]
const common = { totalCents: 200, version: 2 }
const ia: InvoiceRow = { ...common, id: 'ia', orderId: 'a', number: '2026-000001', status: 'paid' }
const ib: InvoiceRow = { ...common, id: 'ib', orderId: 'b', number: '2026-000002', status: 'void' }
const invoices = [ia, ib]
const coffee: ProductRow = {
  id: 'coffee',
  available: 8,
  reserved: 2,
  stockVersion: 2,
  ledger: { available: 8, reserved: 2 },
}
const letter = {
  id: 'n',
  channel: 'email',
  status: 'sent',
  version: 2,
  recipient: 'ana@example.com',
  template: 'order-paid',
  aggregateId: 'a',
  aggregateVersion: 3,
  outcomes: ['failed', 'sent'],
} as const
const mail = { messageId: 'n@feira.example', to: ['ana@example.com'] }

const told = (id: string, shows: string, gone = false) => ({ id, gone, shows })
const smooth = ['received', 'validated', 'enriched', 'processed', 'distributed', 'completed']
/** As the owners tell it, of which a product was deleted; the read model has forgotten that one. */
const catalogue: ToldTwice = {
  kind: 'product',
  owner: [told('coffee', 'v1'), told('tea', 'v2', true)],
  model: [told('coffee', 'v1')],
}
const sale = {
  id: 'e1',
  partnerId: 'p',
  kind: 'sale',
  state: 'completed',
  orderId: 'pa',
  expected: false,
  steps: smooth,
}
const refusedSale = { ...sale, id: 'e2', state: 'refused', orderId: 'pb', steps: ['received', 'retrying', 'refused'] }
const returned = { ...sale, id: 'e3', kind: 'return', orderId: 'pb' }
const partnerOrders = [
  { id: 'pa', status: 'paid', partnerId: 'p', eventId: 'e1' },
  { id: 'pb', status: 'cancelled', partnerId: 'p', eventId: 'e2' },
]
const partnership: Partnership = { events: [sale, refusedSale, returned], orders: partnerOrders }

/** Two orders: one is paid, the other one was cancelled before anything was set aside for it. */
const healthy: ShopSnapshot = {
  orders,
  history: [
    { orderId: 'a', version: 1, status: 'pending' },
    { orderId: 'a', version: 2, status: 'reserved' },
    { orderId: 'a', version: 3, status: 'paid' },
    { orderId: 'b', version: 1, status: 'pending' },
    { orderId: 'b', version: 2, status: 'cancelled' },
  ],
  keys: [
    { key: 'key-a', orderId: 'a' },
    { key: 'key-b', orderId: 'b' },
  ],
  invoices,
  products: [coffee],
  reservations: [
    { orderId: 'a', state: 'reserved' },
    { orderId: 'b', state: 'released' },
  ],
  counted: orders.map(order => ({ ...order, userId: 'ana' })),
  tallies: [{ userId: 'ana', count: 2, completed: 0, spentCents: 200 }],
  notifications: [letter],
  mails: [mail],
  outbox: [
    message('1', 'order.created', ['a', 1]),
    message('2', 'order.reserved', ['a', 2]),
    message('3', 'order.paid', ['a', 3]),
    message('4', 'order.created', ['b', 1]),
    message('5', 'order.cancelled', ['b', 2]),
    message('6', 'invoice.issued', ['ia', 1]),
    message('7', 'invoice.paid', ['ia', 2]),
    message('8', 'invoice.issued', ['ib', 1]),
    message('9', 'invoice.voided', ['ib', 2]),
    message('10', 'stock.changed', ['coffee', 1]),
    message('11', 'stock.changed', ['coffee', 2]),
    message('12', 'stock.reserve', ['a', null]),
    message('13', 'notification.sent', ['n', 2]),
    { ...message('14', 'product.snapshot', ['coffee', 1]), queue: 'orders.on-snapshot' },
  ],
  queues: [
    { name: 'invoices.on-order-created', types: ['order.created'] },
    { name: 'orders.on-snapshot', types: [] },
  ],
  // One of the orders was announced again under another id.
  foreign: [
    { id: 'again', type: 'order.created', queue: undefined },
    { id: 'bad', type: 'order.created', queue: undefined },
  ],
  handled: [
    { queue: 'invoices.on-order-created', id: '1' },
    { queue: 'invoices.on-order-created', id: '4' },
    { queue: 'invoices.on-order-created', id: 'again' },
    { queue: 'orders.on-snapshot', id: '14' },
  ],
  dead: [{ queue: 'invoices.on-order-created', id: 'bad' }],
  depths: new Map([['orders.on-snapshot', 0]]),
  seen: [...Array.from({ length: 13 }, (_, index) => String(index + 1)), '3', 'again', 'bad'].map(id => ({
    id,
    type: '',
  })),
  shown: { orders, invoices, notifications: [letter] },
  wishes: [
    wish('order', 'key-a', { status: 201, body: { id: 'a', version: 1, totalCents: 200, items } }),
    wish('order', 'key-b', { status: 201, body: { id: 'b', version: 1, totalCents: 200, items } }),
    wish('pay', 'key-p', { status: 503, body: {} }, { status: 200, body: { id: 'a', version: 3 } }),
    wish('cancel', 'key-c', { status: 409, body: { code: 'invalid-transition' } }),
  ],
  readModel: {
    kinds: [catalogue],
    // An event that was announced again is told again.
    timeline: ['1', '2', '3', '4', '5', '6', 'again'].map(messageId => ({ messageId })),
  },
  partnership,
}

test('a shop that works violates nothing', () => {
  expect(violationsOfShop(healthy, known)).toEqual([])
})

const without = <Row>(rows: readonly Row[], index: number) => rows.filter((_, at) => at !== index)
const wishes = healthy.wishes as readonly Wish[]
const { readModel } = healthy
const modelOf = (...model: ToldTwice['model']) => ({ readModel: { ...readModel, kinds: [{ ...catalogue, model }] } })
const eventsOf = (...events: Partnership['events']) => ({ partnership: { ...partnership, events } })
const ordersOf = (...rows: Partnership['orders']) => ({ partnership: { ...partnership, orders: rows } })
const [placed, undone] = partnerOrders as [Partnership['orders'][0], Partnership['orders'][0]]

test.each<[invariant: string, what: string, Partial<ShopSnapshot>]>([
  ['I1', 'an accepted order is lost', { orders: [a] }],
  ['I1', 'an order has other items', { orders: [{ ...a, items: [{ productId: 'coffee', quantity: 3 }] }, b] }],
  ['I2', 'an order comes from nowhere', { wishes: without(wishes, 1) }],
  ['I3', 'a key is told of another order', { keys: [{ key: 'key-a', orderId: 'b' }] }],
  ['I3', 'a request fails for no reason', { wishes: [...wishes, wish('pay', 'x', { status: 500, body: {} })] }],
  ['I3', 'two payments of one order are accepted', { wishes: [...wishes, wish('pay', 'x', { status: 200, body: { id: 'a', version: 3 } })] }], // prettier-ignore
  ['I3', 'a payment is promised and not made', { history: healthy.history.filter(({ status }) => status !== 'paid') }],
  ['I3', 'one key gets two answers', { wishes: [...wishes, wish('cancel', 'x', { status: 200, body: { id: 'b', version: 2 } }, { status: 200, body: { id: 'b', version: 2, more: true } })] }], // prettier-ignore
  ['I4', 'a version has no event', { outbox: without(healthy.outbox, 2) }],
  ['I4', 'an event is there twice', { outbox: [...healthy.outbox, message('15', 'stock.changed', ['coffee', 2])] }],
  [
    'I4',
    'a notification was sent twice',
    { outbox: [...healthy.outbox, message('15', 'notification.sent', ['n', 3])] },
  ],
  ['I5', 'an order has no invoice', { invoices: [ia] }],
  ['I5', 'a cancelled order has a paid invoice', { invoices: [ia, { ...ib, status: 'paid' }] }],
  ['I5', 'a number is missing', { invoices: [ia, { ...ib, number: '2026-000003' }] }],
  ['I5', 'HTTP shows less', { shown: { ...healthy.shown, invoices: [] } }],
  ['I6', 'stock is below zero', { products: [{ ...coffee, available: -1, ledger: { available: -1, reserved: 2 } }] }],
  ['I6', 'a movement was overwritten', { products: [{ ...coffee, available: 9 }] }],
  ['I6', 'pieces are gone', { products: [{ ...coffee, available: 7, ledger: { available: 7, reserved: 2 } }] }],
  ['I6', 'a cancelled order keeps its pieces', { reservations: [{ orderId: 'a', state: 'reserved' }, { orderId: 'b', state: 'reserved' }] }], // prettier-ignore
  ['I7', 'an order waits for ever', { orders: [a, { ...b, status: 'pending' }] }],
  ['I7', 'a state is skipped', { history: healthy.history.map(step => (step.version === 2 && step.orderId === 'a' ? { ...step, status: 'shipped' } : step)) }], // prettier-ignore
  ['I8', 'a message does not leave', { outbox: healthy.outbox.map(row => ({ ...row, published: row.id !== '5' })) }],
  ['I8', 'a message waits in a queue', { depths: new Map([['orders.on-snapshot', 1]]) }],
  ['I8', 'a healthy message is dead', { dead: [...healthy.dead, { queue: 'orders.on-snapshot', id: '14' }] }],
  ['I8', 'poison is forgotten', { dead: [] }],
  ['I9', 'a message was not handled', { handled: without(healthy.handled, 1) }],
  ['I9', 'a message to one queue was not handled', { handled: without(healthy.handled, 3) }],
  ['I9', 'a message was handled that nobody sent', { foreign: without(healthy.foreign, 0) }],
  ['I10', 'a reader is behind', { counted: [{ ...a, userId: 'ana', version: 2, status: 'reserved' }, { ...b, userId: 'ana' }] }], // prettier-ignore
  ['I10', 'something was counted twice', { tallies: [{ userId: 'ana', count: 2, completed: 0, spentCents: 400 }] }],
  ['I10', 'the read model lacks a row', modelOf()],
  ['I10', 'a row of the read model is old', modelOf(told('coffee', 'v0'))],
  ['I10', 'the read model takes a row for deleted', modelOf(told('coffee', 'v1', true))],
  ['I10', 'the read model still shows what was deleted', modelOf(told('coffee', 'v1'), told('tea', 'v1'))],
  ['I10', 'the read model made something up', modelOf(told('coffee', 'v1'), told('milk', 'v1'))],
  ['I10', 'the timeline lacks an event', { readModel: { ...readModel, timeline: without(readModel.timeline, 2) } }],
  ['I10', 'the timeline tells an event twice', { readModel: { ...readModel, timeline: [...readModel.timeline, { messageId: '1' }] } }], // prettier-ignore
  ['I10', 'the timeline tells of nothing', { readModel: { ...readModel, timeline: [...readModel.timeline, { messageId: 'x' }] } }], // prettier-ignore
  ['I12', 'a letter never came', { mails: [] }],
  ['I12', 'a letter came twice', { mails: [mail, mail] }],
  ['I12', 'a letter came more often than its process died', { mails: [mail, mail, mail], notifications: [{ ...letter, outcomes: [null, 'sent'] }] }], // prettier-ignore
  ['I12', 'a letter went to somebody else', { mails: [{ ...mail, to: ['bia@example.com'] }] }],
  ['I12', 'two letters say the same', { notifications: [letter, { ...letter, id: 'm' }] }],
  ['I12', 'a letter of nobody came', { mails: [mail, { ...mail, messageId: 'x@feira.example' }] }],
  ['I1', "a partner's event is lost", eventsOf(sale, refusedSale)],
  ['I2', "an event is nobody's", eventsOf(sale, refusedSale, returned, { ...sale, id: 'e4', kind: 'stock-update' })],
  ['I2', "a partner's order is of no event", ordersOf(placed, undone, { ...placed, id: 'c', eventId: 'x' })],
  ['I2', "a partner's order is of a return", ordersOf(placed, undone, { ...placed, id: 'c', eventId: 'e3' })],
  ['I2', "a partner's order is another's", ordersOf({ ...placed, partnerId: 'q' }, undone)],
  ['I3', 'a completed sale has no order', ordersOf(undone)],
  ['I3', 'a completed sale has two orders', ordersOf(placed, undone, { ...placed, id: 'c' })],
  ['I3', 'a sale names another order', eventsOf({ ...sale, orderId: 'c' }, refusedSale, returned)],
  ['I3', 'a refused sale has an order', ordersOf(placed, { ...undone, status: 'reserved' })],
  ['I3', 'a completed return changed nothing', eventsOf(sale, refusedSale, { ...returned, orderId: 'pa' })],
  ['I3', 'a partner returned what is not theirs', eventsOf(sale, refusedSale, { ...returned, partnerId: 'q' })],
  ['I7', 'an event is forgotten half-way', eventsOf({ ...sale, state: 'distributed', steps: without(smooth, 5) }, refusedSale, returned)], // prettier-ignore
  ['I7', 'an event goes on after its end', eventsOf({ ...sale, expected: true }, refusedSale, returned)],
  ['I7', 'an event leaps over a state', eventsOf({ ...sale, steps: without(smooth, 2) }, refusedSale, returned)],
  ['I7', 'an event ends twice', eventsOf({ ...sale, steps: [...smooth, 'completed'] }, refusedSale, returned)],
  ['I7', 'a history ends otherwise than its event', eventsOf({ ...sale, steps: without(smooth, 5) }, refusedSale, returned)], // prettier-ignore
  ['I13', 'a message was marked that the broker never had', { seen: without(healthy.seen, 4) }],
  ['I13', 'a message is in no outbox', { seen: [...healthy.seen, { id: 'x', type: '' }] }],
])('%s is violated when %s', (invariant, _what, change) => {
  const found = violationsOfShop({ ...healthy, ...change }, known)
  expect(found.map(text => text.split(':')[0])).toContain(invariant)
})

test('a partner waits for an answer without violating anything', () => {
  const waiting = { ...sale, state: 'distributed', expected: true, steps: without(smooth, 5) }
  expect(violationsOfShop({ ...healthy, ...eventsOf(waiting, refusedSale, returned) }, known)).toEqual([])
})

test('a second letter is none where nobody saw how the first attempt ended', () => {
  for (const outcome of [null, 'unknown'] as const) {
    const change = { mails: [mail, mail], notifications: [{ ...letter, outcomes: [outcome, 'sent'] as const }] }
    expect(violationsOfShop({ ...healthy, ...change }, known)).toEqual([])
  }
})
