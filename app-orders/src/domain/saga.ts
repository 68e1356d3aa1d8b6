import type { Order, OrderStatus, Payment } from './order.ts'

/** What can happen to an order once it is placed. */
export type Signal =
  | { readonly type: 'stock-reserved' }
  | { readonly type: 'stock-unavailable'; readonly reason: string }
  | { readonly type: 'pay'; readonly payment: Payment }
  | {
      readonly type: 'payment-completed'
      readonly payment: Payment
      /** What was received, as far as the provider says. */
      readonly amountCents?: number | undefined
      readonly currency?: string | undefined
    }
  | { readonly type: 'payment-failed'; readonly payment: Payment; readonly reason: string }
  | { readonly type: 'cancel'; readonly reason: string | null }
  | { readonly type: 'ship' }
  | { readonly type: 'complete' }
  | { readonly type: 'refund'; readonly reason: string | null; readonly restock: boolean }
  /** A partner gives back what it bought; what had left is taken into stock again. */
  | { readonly type: 'returned'; readonly reason: string | null }
  | { readonly type: 'deadline'; readonly reason: string }
  | { readonly type: 'user-erased'; readonly reason: string }

export type SignalType = Signal['type']

/** What an order needs to know of itself to answer a signal. */
export type SagaState = Pick<Order, 'status' | 'version' | 'items' | 'totalCents' | 'currency' | 'payment'>

export type Effect =
  /** `order.<status>` and a row of the history. */
  | {
      readonly type: 'announce'
      readonly status: OrderStatus
      readonly version: number
      readonly reason: string | null
    }
  | { readonly type: 'release-stock'; readonly status: OrderStatus }
  /** The order took this payment and can no longer use it. */
  | { readonly type: 'return-payment'; readonly payment: Payment }

export type Refusal =
  | { readonly code: 'invalid-transition'; readonly from: OrderStatus; readonly to: OrderStatus }
  | { readonly code: 'payment-mismatch' | 'already-paid' | 'payment-contradicted' | 'payment-after-cancellation' }

export type Advance<State> =
  | { readonly state: State; readonly effects: readonly Effect[]; readonly refusal?: undefined }
  | { readonly refusal: Refusal }

/** How a state answers a signal. */
type Answer =
  | 'ignore'
  | 'refuse'
  /** Ahead of the reservation: keep the payment until that comes. */
  | 'hold'
  /** The order has its payment: the same again changes nothing, another one is money too much. */
  | 'compare'
  /** The order has its payment: that another one failed changes nothing, that the same failed contradicts it. */
  | 'contradict'
  /** The order is given up: money for it must go back. */
  | 'return'
  | Move

interface Move {
  readonly to: OrderStatus
  readonly release: 'always' | 'if-asked' | 'never'
}

const move = (to: OrderStatus, release: Move['release'] = 'never'): Move => ({ to, release })
const reserve = move('reserved')
const pay = move('paid')
const ship = move('shipped')
const finish = move('completed')
/** Nothing was set aside. */
const lose = move('cancelled')
/** Whether or not the reservation was heard of: its answer may still be on the way. */
const cancel = move('cancelled', 'always')
const refund = move('refunded', 'always')
const refundSold = move('refunded', 'if-asked')

type Row = Readonly<Record<OrderStatus, Answer>>

function row(...answers: [Answer, Answer, Answer, Answer, Answer, Answer, Answer]): Row {
  const [pending, reserved, paid, shipped, completed, cancelled, refunded] = answers
  return { pending, reserved, paid, shipped, completed, cancelled, refunded }
}

/** The whole saga: what each signal does in each state. */
// prettier-ignore
export const saga: Readonly<Record<SignalType, Row>> = {
  //                        pending   reserved  paid          shipped       completed     cancelled  refunded
  'stock-reserved':    row( reserve,  'ignore', 'ignore',     'ignore',     'ignore',     'ignore',  'ignore'  ),
  'stock-unavailable': row( lose,     'ignore', 'ignore',     'ignore',     'ignore',     'ignore',  'ignore'  ),
  'pay':               row( 'refuse', pay,      'refuse',     'refuse',     'refuse',     'refuse',  'refuse'  ),
  'payment-completed': row( 'hold',   pay,      'compare',    'compare',    'compare',    'return',  'compare' ),
  'payment-failed':    row( cancel,   cancel,   'contradict', 'contradict', 'contradict', 'ignore',  'ignore'  ),
  'cancel':            row( cancel,   cancel,   refund,       'refuse',     'refuse',     'refuse',  'refuse'  ),
  'ship':              row( 'refuse', 'refuse', ship,         'refuse',     'refuse',     'refuse',  'refuse'  ),
  'complete':          row( 'refuse', 'refuse', 'refuse',     finish,       'refuse',     'refuse',  'refuse'  ),
  'refund':            row( 'refuse', 'refuse', refund,       refundSold,   refundSold,   'refuse',  'refuse'  ),
  'returned':          row( cancel,   cancel,   refund,       refund,       refund,       'refuse',   'refuse'  ),
  'deadline':          row( cancel,   cancel,   'ignore',     'ignore',     'ignore',     'ignore',  'ignore'  ),
  'user-erased':       row( cancel,   cancel,   'ignore',     'ignore',     'ignore',     'ignore',  'ignore'  ),
}

/** What a caller who sends this signal wants the order to become. */
const wish: Readonly<Partial<Record<SignalType, OrderStatus>>> = {
  pay: 'paid',
  cancel: 'cancelled',
  ship: 'shipped',
  complete: 'completed',
  refund: 'refunded',
  returned: 'refunded',
}

/**
 * Leads an order on by one signal. Signals may come in any order and any number of times.
 * @returns the order as it is then and what has to happen because of it, or why the signal is refused.
 */
export function advance<State extends SagaState>(order: State, signal: Signal): Advance<State> {
  if (signal.type === 'payment-completed' && !fits(order, signal)) return { refusal: { code: 'payment-mismatch' } }
  const answer = answerOf(order, signal)
  if (answer === 'ignore') return { state: order, effects: [] }
  if (answer === 'hold') return { state: { ...order, payment: paymentOf(signal) }, effects: [] }
  if (typeof answer === 'object') return follow(order, signal, answer)
  return settle(order, signal, answer)
}

// A pending order may hold a payment already; then it is not unpaid, though it is not `paid` yet.
function answerOf({ status, payment }: SagaState, { type }: Signal): Answer {
  if (status !== 'pending' || payment === null) return saga[type][status]
  if (type === 'payment-completed') return 'compare'
  if (type === 'payment-failed') return 'contradict'
  return type === 'deadline' ? 'ignore' : saga[type][status]
}

function settle<State extends SagaState>(
  order: State,
  signal: Signal,
  answer: 'refuse' | 'compare' | 'contradict' | 'return',
): Advance<State> {
  const same = order.payment?.reference === paymentOf(signal)?.reference
  const unchanged = { state: order, effects: [] }
  switch (answer) {
    case 'compare':
      return same ? unchanged : { refusal: { code: 'already-paid' } }
    case 'contradict':
      return same ? { refusal: { code: 'payment-contradicted' } } : unchanged
    case 'return':
      return { refusal: { code: 'payment-after-cancellation' } }
    case 'refuse':
      return { refusal: { code: 'invalid-transition', from: order.status, to: wish[signal.type] ?? order.status } }
  }
}

function follow<State extends SagaState>(order: State, signal: Signal, { to, release }: Move): Advance<State> {
  const reason = 'reason' in signal ? signal.reason : null
  const payment = to === 'paid' ? paymentOf(signal) : order.payment
  const moved = { ...order, status: to, version: order.version + 1, payment: to === 'cancelled' ? null : payment }
  const effects: Effect[] = [{ type: 'announce', status: to, version: moved.version, reason }]
  const asked = signal.type === 'refund' && signal.restock
  if (order.items.length > 0 && (release === 'always' || (release === 'if-asked' && asked))) {
    effects.push({ type: 'release-stock', status: to })
  }
  if (to === 'cancelled' && order.payment) effects.push({ type: 'return-payment', payment: order.payment })
  return to === 'reserved' && payment ? thenPaid(moved, payment, effects) : { state: moved, effects }
}

/** The payment came first and is applied now. */
function thenPaid<State extends SagaState>(order: State, payment: Payment, before: Effect[]): Advance<State> {
  const paid = advance(order, { type: 'payment-completed', payment })
  return paid.refusal ? paid : { state: paid.state, effects: [...before, ...paid.effects] }
}

function paymentOf(signal: Signal): Payment | null {
  return 'payment' in signal ? signal.payment : null
}

function fits(order: SagaState, signal: Signal & { type: 'payment-completed' }): boolean {
  const { amountCents = order.totalCents, currency = order.currency } = signal
  return amountCents === order.totalCents && currency === order.currency
}
