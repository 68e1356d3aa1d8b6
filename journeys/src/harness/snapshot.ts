import type { Seen } from './broker.ts'
import type { Feira } from './feira.ts'

export interface OrderRow {
  readonly id: string
  readonly totalCents: number
}

export interface InvoiceRow {
  readonly id: string
  readonly orderId: string
  readonly number: string
  readonly totalCents: number
  readonly version: number
}

export interface OutboxRow {
  readonly id: string
  readonly type: string
  /** Set for a message to one queue alone, which the exchange never sees. */
  readonly queue: string | null
  readonly aggregateId: string
  readonly version: number
  readonly headers: Readonly<Record<string, string>>
  readonly state: 'pending' | 'unrouted' | 'published'
}

/** Everything that the system remembers at one moment. */
export interface Snapshot {
  readonly orders: readonly OrderRow[]
  readonly history: readonly { readonly orderId: string; readonly version: number }[]
  /** Which order each Idempotency-Key stands for. */
  readonly keys: readonly { readonly key: string; readonly orderId: string }[]
  readonly invoices: readonly InvoiceRow[]
  /** The last number given in each year. */
  readonly counters: readonly { readonly year: number; readonly last: number }[]
  readonly outbox: Readonly<Record<'orders' | 'invoices', readonly OutboxRow[]>>
  /** Ids of the orders' messages that app-invoices has handled. */
  readonly handled: readonly string[]
  /** Ids of the messages that were given up and not replayed. */
  readonly dead: readonly string[]
  readonly depths: ReadonlyMap<string, number>
  /** What passed over the exchange, if somebody listened to all of it. */
  readonly seen: readonly Seen[] | undefined
}

export async function takeSnapshot({ databases, broker, tapped, queues }: Feira): Promise<Snapshot> {
  const { orders, invoices } = databases
  return {
    orders: await orders.rows('select id, total_cents::int as "totalCents" from orders'),
    history: await orders.rows('select order_id as "orderId", version from order_history'),
    keys: await orders.rows(`select key, body ->> 'id' as "orderId" from chassis.idempotency_keys`),
    invoices: await invoices.rows(
      'select id, order_id as "orderId", number, total_cents::int as "totalCents", version from invoices',
    ),
    counters: await invoices.rows('select year, last from invoice_counters'),
    outbox: { orders: await orders.rows(outboxText), invoices: await invoices.rows(outboxText) },
    handled: (await invoices.rows<Id>(handledText)).map(({ id }) => id),
    dead: [...(await orders.rows<Id>(deadText)), ...(await invoices.rows<Id>(deadText))].map(({ id }) => id),
    depths: await broker.depths(queues),
    seen: tapped ? await broker.seen() : undefined,
  }
}

interface Id {
  readonly id: string
}

const outboxText = `select id, type, queue, aggregate_id as "aggregateId", aggregate_version::int as version, headers,
    case when published_at is not null then 'published' when unrouted_at is not null then 'unrouted' else 'pending' end as state
  from chassis.outbox`

// Not what it is asked to show when app-orders starts.
const handledText = `select message_id as id from chassis.processed_messages where consumer like '%.on-order-created'`

const deadText = 'select message_id as id from chassis.dead_letters where replayed_at is null'
