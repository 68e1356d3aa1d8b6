import type { MailServer } from '@feira/local/src/mail/index.ts'
import type { Seen } from './broker.ts'
import type { Wish } from './customers.ts'
import type { Feira } from './feira.ts'
import { takePartnership, type Partnership } from './partner-snapshot.ts'
import { consumerQueues } from './queues.ts'
import { takeReadModel, type ReadModel } from './read-model.ts'
import type { Shop } from './shop.ts'

export interface OutboxRow {
  /** Of the message. */
  readonly id: string
  readonly type: string
  /** Set for a message to one queue alone, by its name on the wire. */
  readonly queue: string | null
  readonly aggregateId: string
  /** Null for what is no version of anything. */
  readonly version: number | null
  readonly published: boolean
}

/** A message in a consumer's hands: handled, or dead. Queues by their names on the wire. */
export interface Taken {
  readonly queue: string
  readonly id: string
}

/** As HTTP shows it. */
export interface Shown {
  readonly id?: unknown
  readonly status?: unknown
}

interface Item {
  readonly productId: string
  readonly quantity: number
}

/** Everything that the whole shop remembers at one moment, and what was seen of it from outside. */
export interface ShopSnapshot {
  readonly orders: readonly OrderRow[]
  readonly history: readonly { readonly orderId: string; readonly version: number; readonly status: string }[]
  /** Which order each Idempotency-Key of `POST /orders` stands for. */
  readonly keys: readonly { readonly key: string; readonly orderId: string }[]
  readonly invoices: readonly InvoiceRow[]
  readonly products: readonly ProductRow[]
  readonly reservations: readonly { readonly orderId: string; readonly state: string }[]
  /** What app-users knows of each order, and has added up for each user. */
  readonly counted: readonly (Omit<OrderRow, 'items'> & { readonly userId: string })[]
  readonly tallies: readonly TallyRow[]
  readonly notifications: readonly NotificationRow[]
  readonly mails: readonly { readonly messageId: string; readonly to: readonly string[] }[]
  readonly outbox: readonly OutboxRow[]
  readonly handled: readonly Taken[]
  readonly dead: readonly Taken[]
  /** Where each message type goes. */
  readonly queues: readonly { readonly name: string; readonly types: readonly string[] }[]
  readonly depths: ReadonlyMap<string, number>
  /** What passed over the exchange, and which of it the test published itself. */
  readonly seen: readonly Pick<Seen, 'id' | 'type'>[]
  readonly foreign: readonly {
    readonly id: string | undefined
    readonly type: string
    readonly queue: string | undefined
  }[]
  /** As customers see them. */
  readonly shown: Readonly<Record<'orders' | 'invoices' | 'notifications', readonly Shown[]>>
  readonly wishes: readonly Wish[] | undefined
  readonly readModel: ReadModel
  readonly partnership: Partnership
}

export interface OrderRow {
  readonly id: string
  readonly userId: string | null
  readonly status: string
  readonly version: number
  readonly totalCents: number
  readonly items: readonly Item[]
}

export interface InvoiceRow {
  readonly id: string
  readonly orderId: string
  readonly number: string
  readonly status: string
  readonly totalCents: number
  readonly version: number
}

export interface ProductRow {
  readonly id: string
  readonly available: number
  readonly reserved: number
  readonly stockVersion: number
  /** The sums of its movements. */
  readonly ledger: { readonly available: number; readonly reserved: number }
}

export interface TallyRow {
  readonly userId: string
  readonly count: number
  readonly completed: number
  readonly spentCents: number
}

export interface NotificationRow {
  readonly id: string
  readonly channel: string
  readonly status: string
  readonly version: number
  readonly recipient: string | null
  readonly template: string | null
  readonly aggregateId: string | null
  readonly aggregateVersion: number | null
  /** What the ledger says of each attempt; null where its process died, or the connection at the end. */
  readonly outcomes: readonly ('sent' | 'failed' | 'unknown' | null)[]
}

export async function takeShopSnapshot(
  feira: Feira,
  {
    shop,
    mail,
    wishes,
  }: { readonly shop: Shop; readonly mail: MailServer; readonly wishes?: readonly Wish[] | undefined },
): Promise<ShopSnapshot> {
  const { databases, broker, queues } = feira
  const { orders, invoices, users, products, notifications } = databases
  return {
    orders: await orders.rows(
      `select id, user_id as "userId", status, version, items, total_cents::int as "totalCents" from orders`,
    ),
    history: await orders.rows(
      'select order_id as "orderId", version, status from order_history order by order_id, version',
    ),
    keys: await orders.rows(
      `select key, body ->> 'id' as "orderId" from chassis.idempotency_keys where scope like '% POST /orders'`,
    ),
    invoices: await invoices.rows(
      `select id, order_id as "orderId", number, status, total_cents::int as "totalCents", version from invoices`,
    ),
    products: await products.rows(productsText),
    reservations: await products.rows('select order_id as "orderId", state from reservations'),
    counted: await users.rows(
      `select order_id as id, user_id as "userId", version, status, total_cents::int as "totalCents" from user_orders`,
    ),
    tallies: await users.rows(
      `select user_id as "userId", count::int, completed::int, spent_cents::int as "spentCents" from order_counters`,
    ),
    notifications: await notifications.rows(notificationsText),
    mails: mail.messages.map(({ messageId, to }) => ({ messageId, to: to.map(({ address }) => address) })),
    ...(await takeMessages(feira)),
    queues: consumerQueues(feira.services),
    depths: await broker.depths(queues),
    seen: await broker.seen(),
    foreign: broker.published,
    shown: {
      orders: await shop.all('/orders'),
      invoices: await shop.all('/invoices'),
      notifications: await shop.all('/notifications'),
    },
    wishes,
    readModel: await takeReadModel(feira),
    partnership: await takePartnership(feira),
  }
}

/** What every service's outbox, inbox and dead letters hold. */
export async function takeMessages({
  databases,
  broker,
}: Feira): Promise<Pick<ShopSnapshot, 'outbox' | 'handled' | 'dead'>> {
  const all = Object.values(databases)
  const prefix = broker.queue('').length
  const read = async <Row extends Record<string, unknown>>(text: string) =>
    (await Promise.all(all.map(database => database.rows<Row>(text, text.includes('$1') ? [prefix] : [])))).flat()
  return {
    outbox: await read<OutboxRow & Record<string, unknown>>(outboxText),
    handled: await read<Taken & Record<string, unknown>>(
      // A message that was given up has a second row, which is not about its handling.
      `select substr(consumer, $1::int + 1) as queue, message_id as id from chassis.processed_messages
       where consumer not like '% given up'`,
    ),
    dead: await read<Taken & Record<string, unknown>>(
      `select substr(queue, $1::int + 1) as queue, message_id as id from chassis.dead_letters where replayed_at is null`,
    ),
  }
}

const outboxText = `
  select coalesce(message_id, id::text) as id, type, queue, aggregate_id as "aggregateId",
    aggregate_version::int as version, published_at is not null as published
  from chassis.outbox`

const productsText = `
  select id, available::int, reserved::int, stock_version as "stockVersion", (
    select jsonb_build_object('available', coalesce(sum(m.available), 0), 'reserved', coalesce(sum(m.reserved), 0))
    from movements m where product_id = products.id) as ledger
  from products`

const notificationsText = `
  select id, channel, status, version, recipient, template, aggregate_id as "aggregateId",
    aggregate_version as "aggregateVersion", (
      select coalesce(jsonb_agg(outcome), '[]') from delivery_attempts where notification_id = id) as outcomes
  from notifications`
