import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderStatuses, type OrderStatus } from './order.ts'
import { advance, saga, type Effect, type SagaState, type Signal, type SignalType } from './saga.ts'

const item = {
  productId: '01936f3e-2222-7c1e-9b3a-51d21b2a3c4d',
  name: 'Café 250 g',
  quantity: 2,
  unitPriceCents: 2999,
}

function orderIn(status: OrderStatus, changes: Partial<SagaState> = {}): SagaState {
  const paid = status === 'paid' || status === 'shipped' || status === 'completed' || status === 'refunded'
  const payment = paid ? { reference: 'pay_1' } : null
  return { status, version: 3, items: [item], totalCents: 5998, currency: 'BRL', payment, ...changes }
}

const payment = { reference: 'pay_1' }
const other = { reference: 'pay_2' }
const samples: Record<SignalType, Signal> = {
  'stock-reserved': { type: 'stock-reserved' },
  'stock-unavailable': { type: 'stock-unavailable', reason: 'sold out' },
  pay: { type: 'pay', payment },
  'payment-completed': { type: 'payment-completed', payment, amountCents: 5998, currency: 'BRL' },
  'payment-failed': { type: 'payment-failed', payment: other, reason: 'declined' },
  cancel: { type: 'cancel', reason: 'changed my mind' },
  ship: { type: 'ship' },
  complete: { type: 'complete' },
  refund: { type: 'refund', reason: null, restock: false },
  returned: { type: 'returned', reason: 'arrived broken' },
  deadline: { type: 'deadline', reason: 'not paid in time' },
  'user-erased': { type: 'user-erased', reason: 'account deleted' },
}

/** The changes that may ever happen; everything else is illegal. */
const legal: Record<OrderStatus, readonly OrderStatus[]> = {
  pending: ['reserved', 'cancelled'],
  reserved: ['paid', 'cancelled'],
  paid: ['shipped', 'refunded'],
  shipped: ['completed', 'refunded'],
  completed: ['refunded'],
  cancelled: [],
  refunded: [],
}

function outcomeOf(order: SagaState, signal: Signal): string {
  const result = advance(order, signal)
  if (result.refusal) return result.refusal.code
  return result.state === order ? 'unchanged' : result.state.status
}

const effectsOf = (order: SagaState, signal: Signal): string[] => {
  const result = advance(order, signal)
  return result.refusal ? [] : result.effects.map(effect => (effect.type === 'announce' ? effect.status : effect.type))
}

// prettier-ignore
test.each<[SignalType, string[]]>([
  //                    pending             reserved              paid                  shipped               completed             cancelled                     refunded
  ['stock-reserved',    ['reserved',           'unchanged',          'unchanged',          'unchanged',          'unchanged',          'unchanged',                  'unchanged']],
  ['stock-unavailable', ['cancelled',          'unchanged',          'unchanged',          'unchanged',          'unchanged',          'unchanged',                  'unchanged']],
  ['pay',               ['invalid-transition', 'paid',               'invalid-transition', 'invalid-transition', 'invalid-transition', 'invalid-transition',         'invalid-transition']],
  ['payment-completed', ['pending',            'paid',               'unchanged',          'unchanged',          'unchanged',          'payment-after-cancellation', 'unchanged']],
  ['payment-failed',    ['cancelled',          'cancelled',          'unchanged',          'unchanged',          'unchanged',          'unchanged',                  'unchanged']],
  ['cancel',            ['cancelled',          'cancelled',          'refunded',           'invalid-transition', 'invalid-transition', 'invalid-transition',         'invalid-transition']],
  ['ship',              ['invalid-transition', 'invalid-transition', 'shipped',            'invalid-transition', 'invalid-transition', 'invalid-transition',         'invalid-transition']],
  ['complete',          ['invalid-transition', 'invalid-transition', 'invalid-transition', 'completed',          'invalid-transition', 'invalid-transition',         'invalid-transition']],
  ['refund',            ['invalid-transition', 'invalid-transition', 'refunded',           'refunded',           'refunded',           'invalid-transition',         'invalid-transition']],
  ['returned',          ['cancelled',          'cancelled',          'refunded',           'refunded',           'refunded',           'invalid-transition',         'invalid-transition']],
  ['deadline',          ['cancelled',          'cancelled',          'unchanged',          'unchanged',          'unchanged',          'unchanged',                  'unchanged']],
  ['user-erased',       ['cancelled',          'cancelled',          'unchanged',          'unchanged',          'unchanged',          'unchanged',                  'unchanged']],
])('%s in each state', (type, expected) => {
  expect(orderStatuses.map(status => outcomeOf(orderIn(status), samples[type]))).toEqual(expected)
})

test('the table knows every state and signal', () => {
  expect(Object.keys(saga).toSorted()).toEqual(Object.keys(samples).toSorted())
  for (const row of Object.values(saga)) expect(Object.keys(row)).toEqual(orderStatuses)
})

test('a refusal names the state it is in and the one that was wished', () => {
  expect(advance(orderIn('shipped'), samples.cancel)).toEqual({
    refusal: { code: 'invalid-transition', from: 'shipped', to: 'cancelled' },
  })
})

describe('stock is released', () => {
  test.each<[OrderStatus, Signal, string[]]>([
    ['pending', samples.cancel, ['cancelled', 'release-stock']],
    ['reserved', samples.cancel, ['cancelled', 'release-stock']],
    ['reserved', samples['payment-failed'], ['cancelled', 'release-stock']],
    ['reserved', samples.deadline, ['cancelled', 'release-stock']],
    ['pending', samples['user-erased'], ['cancelled', 'release-stock']],
    ['pending', samples['stock-unavailable'], ['cancelled']],
    ['paid', samples.refund, ['refunded', 'release-stock']],
    ['paid', samples.cancel, ['refunded', 'release-stock']],
    ['shipped', samples.refund, ['refunded']],
    ['shipped', { type: 'refund', reason: null, restock: true }, ['refunded', 'release-stock']],
    ['completed', { type: 'refund', reason: null, restock: true }, ['refunded', 'release-stock']],
    ['pending', samples.returned, ['cancelled', 'release-stock']],
    ['paid', samples.returned, ['refunded', 'release-stock']],
    ['shipped', samples.returned, ['refunded', 'release-stock']],
    ['completed', samples.returned, ['refunded', 'release-stock']],
  ])('in %s by %j: %j', (status, signal, expected) => {
    expect(effectsOf(orderIn(status), signal)).toEqual(expected)
    expect(effectsOf(orderIn(status, { items: [] }), signal)).toEqual(expected.filter(one => one !== 'release-stock'))
  })
})

describe('a payment that comes before the reservation', () => {
  const held = orderIn('pending', { payment })

  test('is kept without a new version, and applied with the reservation', () => {
    const kept = advance(orderIn('pending'), samples['payment-completed'])
    expect(kept).toEqual({ state: held, effects: [] })
    expect(effectsOf(held, samples['stock-reserved'])).toEqual(['reserved', 'paid'])
    expect(advance(held, samples['stock-reserved'])).toMatchObject({ state: { status: 'paid', version: 5, payment } })
  })

  test('goes back when the order is given up', () => {
    for (const type of ['stock-unavailable', 'cancel', 'returned', 'user-erased'] as const) {
      const given = advance(held, samples[type])
      expect(given).toMatchObject({ state: { status: 'cancelled', payment: null } })
      expect(effectsOf(held, samples[type])).toContain('return-payment')
    }
  })

  test('keeps the deadline away', () => expect(outcomeOf(held, samples.deadline)).toBe('unchanged'))
  test('comes once', () => {
    expect(outcomeOf(held, samples['payment-completed'])).toBe('unchanged')
    expect(outcomeOf(held, { type: 'payment-completed', payment: other })).toBe('already-paid')
  })
})

describe('money is refused when it', () => {
  test.each<[string, OrderStatus, Signal]>([
    ['already-paid', 'paid', { type: 'payment-completed', payment: other }],
    ['already-paid', 'completed', { type: 'payment-completed', payment: { reference: null } }],
    ['already-paid', 'refunded', { type: 'payment-completed', payment: other }],
    ['payment-after-cancellation', 'cancelled', { type: 'payment-completed', payment }],
    ['payment-mismatch', 'reserved', { type: 'payment-completed', payment, amountCents: 5997 }],
    ['payment-mismatch', 'reserved', { type: 'payment-completed', payment, currency: 'USD' }],
    ['payment-mismatch', 'pending', { type: 'payment-completed', payment, amountCents: 1 }],
    ['payment-contradicted', 'paid', { type: 'payment-failed', payment, reason: 'declined' }],
  ])('%s: in %s by %j', (code, status, signal) => expect(outcomeOf(orderIn(status), signal)).toBe(code))
})

const reference = fc.constantFrom('pay_1', 'pay_2', null)
const anySignal: fc.Arbitrary<Signal> = fc.oneof(
  fc.constantFrom(...Object.values(samples)),
  fc.record({ type: fc.constant('payment-completed' as const), payment: fc.record({ reference }) }),
  fc.record({
    type: fc.constant('payment-failed' as const),
    payment: fc.record({ reference }),
    reason: fc.constant('declined'),
  }),
  fc.record({ type: fc.constant('refund' as const), reason: fc.constant(null), restock: fc.boolean() }),
)

test('random signals, repeated and in any order, make no illegal change, and versions count the changes', () => {
  const start = fc.constantFrom<SagaState>(
    { ...orderIn('pending'), version: 1 },
    { ...orderIn('reserved', { items: [] }), version: 1 },
  )
  fc.assert(
    fc.property(start, fc.array(anySignal, { maxLength: 30 }), (first, signals) => {
      let order = first
      const path = [order.status]
      for (const signal of signals) {
        const result = advance(order, signal)
        if (result.refusal) continue
        const changes = result.effects.filter(effect => effect.type === 'announce')
        expect(changes.map(({ version }) => version)).toEqual(changes.map((_, index) => order.version + index + 1))
        path.push(...changes.map(({ status }) => status))
        order = result.state
        expect(order).toMatchObject({ status: path.at(-1), version: path.length })
        const releases = result.effects.filter(({ type }) => type === 'release-stock')
        expect(releases.length).toBeLessThanOrEqual(first.items.length)
      }
      const steps = path.slice(1).map((to, index) => ({ from: path[index] ?? to, to }))
      expect(steps.filter(({ from, to }) => !legal[from].includes(to))).toEqual([])
    }),
  )
})

/** The products service as orders see it: acts once per order on each command, and a release that came first wins. */
class Warehouse {
  held: 'nothing' | 'reserved' | 'sold' = 'nothing'
  readonly #inStock: boolean
  #reserved = false
  #released = false

  constructor(inStock: boolean) {
    this.#inStock = inStock
  }

  /** @returns its answer. */
  reserve(): Signal[] {
    if (this.#reserved || this.#released) return []
    this.#reserved = true
    if (!this.#inStock) return [{ type: 'stock-unavailable', reason: 'sold out' }]
    this.held = 'reserved'
    return [{ type: 'stock-reserved' }]
  }

  release(): void {
    this.#released = true
    this.held = 'nothing'
  }

  sell(): void {
    if (this.held === 'reserved') this.held = 'sold'
  }
}

test('after everything has arrived the warehouse holds exactly what the order needs', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(anySignal.filter(({ type }) => !type.startsWith('stock-'))),
      fc.infiniteStream(fc.nat()),
      (inStock, wishes, picks) => {
        const warehouse = new Warehouse(inStock)
        let order: SagaState = { ...orderIn('pending'), version: 1 }
        let restocked = true
        const inFlight: (() => void)[] = []
        const send = (work: () => void) => inFlight.push(work, work) // each message arrives twice
        const receive = (signal: Signal) => {
          const result = advance(order, signal)
          if (result.refusal) return
          if (order.status === 'shipped' || order.status === 'completed') {
            restocked = signal.type === 'returned' || (signal.type === 'refund' && signal.restock)
          }
          order = result.state
          for (const effect of result.effects) carryOut(effect)
        }
        const carryOut = (effect: Effect) => {
          if (effect.type === 'release-stock') send(() => warehouse.release())
          if (effect.type === 'announce' && effect.status === 'shipped') send(() => warehouse.sell())
        }
        send(() => {
          for (const answer of warehouse.reserve()) send(() => receive(answer))
        })
        const left = [...wishes]
        // A release may overtake a reservation, but not the sale that came before it: products order those themselves.
        while (inFlight.length + left.length > 0) {
          const pick = (picks.next().value as number) % (inFlight.length + left.length)
          const [message] = inFlight.splice(pick, pick < inFlight.length ? 1 : 0)
          if (message) message()
          else receive(left.shift() as Signal)
        }
        const needed = {
          pending: ['nothing'],
          reserved: ['reserved'],
          paid: ['reserved'],
          shipped: ['sold'],
          completed: ['sold'],
          cancelled: ['nothing'],
          refunded: restocked ? ['nothing'] : ['sold'],
        }[order.status]
        expect(needed, order.status).toContain(warehouse.held)
        expect(order.status === 'pending').toBe(false)
      },
    ),
    { numRuns: 500 },
  )
})
