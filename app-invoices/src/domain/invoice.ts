/** `paid` and `void` follow what happens to the order; `void` is final. */
export type InvoiceStatus = 'issued' | 'paid' | 'void'

/** What can happen to an order that changes its invoice. */
export type OrderOutcome = 'paid' | 'cancelled' | 'refunded'

/** What one event says of an order. */
export interface OrderFact {
  readonly outcome: OrderOutcome
  /** The order's version after it; what a lower version says is older. */
  readonly orderVersion: number
  readonly at: Date
}

/** When an invoice became what it is. */
export interface Times {
  readonly paidAt: Date | null
  readonly voidedAt: Date | null
}

/** How an invoice stands; also kept for an order whose invoice is still to be issued. */
export interface Standing extends Times {
  readonly status: InvoiceStatus
  /** Of the last fact that changed something, so that an older one changes nothing any more. */
  readonly orderVersion: number
}

const transitions: Readonly<Record<InvoiceStatus, Readonly<Partial<Record<OrderOutcome, InvoiceStatus>>>>> = {
  issued: { paid: 'paid', cancelled: 'void', refunded: 'void' },
  paid: { cancelled: 'void', refunded: 'void' },
  void: {},
}

/** The standing before anything happened to the order. */
export const untouched: Standing = { status: 'issued', orderVersion: 1, paidAt: null, voidedAt: null }

/** The standing after a fact; the same object when the fact is older or changes nothing. */
export function afterFact(standing: Standing, { outcome, orderVersion, at }: OrderFact): Standing {
  const status = transitions[standing.status][outcome]
  if (status === undefined || orderVersion <= standing.orderVersion) return standing
  return { ...standing, status, orderVersion, ...(status === 'paid' ? { paidAt: at } : { voidedAt: at }) }
}

/** A change of an invoice; each is one version of it and one event. */
export interface Step {
  readonly status: Exclude<InvoiceStatus, 'issued'>
  readonly at: Date
  /** When the invoice was paid, if it was by then. */
  readonly paidAt: Date | null
}

/** The changes that led from one standing to a later one of the same invoice, in their order. */
export function stepsBetween(before: Times, after: Times): Step[] {
  const { paidAt } = after
  const paid = stepTo('paid', before.paidAt, paidAt)
  const voided = stepTo('void', before.voidedAt, after.voidedAt)
  return [...paid, ...voided].map(step => ({ ...step, paidAt }))
}

function stepTo(status: Step['status'], before: Date | null, after: Date | null): Pick<Step, 'status' | 'at'>[] {
  return before === null && after !== null ? [{ status, at: after }] : []
}

/** The status that goes with the times of an invoice. */
export function statusBy({ paidAt, voidedAt }: Times): InvoiceStatus {
  if (voidedAt !== null) return 'void'
  return paidAt === null ? 'issued' : 'paid'
}
