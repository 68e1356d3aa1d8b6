import assert from 'node:assert/strict'
import type { MailServer } from '@feira/local/src/mail/index.ts'
import type { Feira } from './feira.ts'
import type { Json, Shop } from './shop.ts'
import { until } from './until.ts'

/** A product that the test made, with the pieces it began with. */
export interface Stocked {
  readonly productId: string
  readonly initial: number
}

/** What an order's state makes of its invoice. */
const invoiceState: Readonly<Record<string, string>> = {
  pending: 'issued',
  reserved: 'issued',
  paid: 'paid',
  shipped: 'paid',
  completed: 'paid',
  cancelled: 'void',
  refunded: 'void',
}

/**
 * Waits until the whole shop is at rest and holds its invariants against what it remembers.
 * @throws AssertionError naming every violation.
 */
export async function verifyShop(feira: Feira, shop: Shop, mail: MailServer, stocked: readonly Stocked[]) {
  let before = ''
  await until(
    'the shop is at rest',
    async () => {
      const now = await activity(feira)
      const rests = now === before && (await nothingWaits(feira))
      before = now
      return rests
    },
    60_000,
  )
  const found = [
    ...(await deadLetters(feira)),
    ...(await invoices(shop)),
    ...(await events(feira)),
    ...(await stock(shop, stocked)),
    ...(await letters(shop, mail)),
  ]
  assert.deepEqual(found.slice(0, 20), [])
}

/** Changes with every message written or handled: one in a consumer's hands is in no queue and in no table. */
async function activity({ databases }: Feira): Promise<string> {
  const counts = await Promise.all(
    Object.values(databases).map(database =>
      database.rows<{ n: string }>(`select (select count(*) from chassis.outbox) || ' '
        || (select count(*) from chassis.processed_messages) as n`),
    ),
  )
  return counts.flatMap(rows => rows.map(({ n }) => n)).join(', ')
}

async function nothingWaits({ databases, broker, queues }: Feira): Promise<boolean> {
  for (const database of Object.values(databases)) {
    const [row] = await database.rows<{ n: number }>(
      'select count(*)::int as n from chassis.outbox where published_at is null and unrouted_at is null',
    )
    if (row?.n !== 0) return false
  }
  const [unsent] = await databases.notifications.rows<{ n: number }>(
    `select count(*)::int as n from notifications where status = 'pending'`,
  )
  return unsent?.n === 0 && [...(await broker.depths(queues)).values()].every(depth => depth === 0)
}

async function deadLetters({ databases }: Feira): Promise<string[]> {
  const found = await Promise.all(
    Object.values(databases).map(database =>
      database.rows<{ text: string }>(`select queue || ': ' || type || ': ' || coalesce(error, reason) as text
        from chassis.dead_letters where replayed_at is null`),
    ),
  )
  return found.flat().map(({ text }) => `I8: dead letter ${text}`)
}

// I5: exactly one invoice per order, in the state that the order's makes of it, over the same total, without gaps.
async function invoices(shop: Shop): Promise<string[]> {
  const orders = await shop.all('/orders')
  const invoices = await shop.all('/invoices')
  const byOrder = Map.groupBy(invoices, invoice => String(invoice['orderId']))
  const numbers = invoices.map(({ number }) => Number(String(number).split('-')[1])).toSorted((a, b) => a - b)
  return [
    ...orders.flatMap(order => {
      const [invoice, ...others] = byOrder.get(String(order['id'])) ?? []
      if (!invoice || others.length > 0) return [`I5: order ${String(order['id'])} has ${others.length + 1} invoices`]
      const expected = `${invoiceState[String(order['status'])]} ${String(order['totalCents'])}`
      const actual = `${String(invoice['status'])} ${String(invoice['totalCents'])}`
      return expected === actual ? [] : [`I5: ${String(order['status'])} order has invoice ${actual}, not ${expected}`]
    }),
    ...(orders.length === invoices.length ? [] : [`I5: ${invoices.length} invoices for ${orders.length} orders`]),
    ...numbers.flatMap((number, index) =>
      number === index + 1 ? [] : [`I5: invoice ${number} is number ${index + 1}`],
    ),
  ]
}

// I4: every version of an order has exactly one event.
async function events({ databases }: Feira): Promise<string[]> {
  const history = await databases.orders.rows<{ at: string }>(
    `select order_id || ' v' || version as at from order_history order by 1`,
  )
  const published = await databases.orders.rows<{ at: string }>(
    `select aggregate_id || ' v' || aggregate_version as at from chassis.outbox where type like 'order.%' order by 1`,
  )
  const [left, right] = [history.map(({ at }) => at), published.map(({ at }) => at)]
  return [...missing(left, right, 'has no event'), ...missing(right, left, 'has no history')]
}

function missing(wanted: readonly string[], found: readonly string[], what: string): string[] {
  const counts = new Map<string, number>()
  for (const each of found) counts.set(each, (counts.get(each) ?? 0) + 1)
  return wanted.flatMap(each => (counts.get(each) === 1 ? [] : [`I4: order ${each} ${what}, or several`]))
}

// I6: stock is conserved: initial = available + reserved + sold, by what the orders say.
async function stock(shop: Shop, stocked: readonly Stocked[]): Promise<string[]> {
  const orders = await shop.all('/orders')
  const found = await Promise.all(
    stocked.map(async ({ productId, initial }) => {
      const { stock: available, reserved } = await shop.product(productId)
      const held = piecesIn(orders, productId, ['reserved', 'paid'])
      const sold = piecesIn(orders, productId, ['shipped', 'completed'])
      if (available < 0) return [`I6: product ${productId} has ${available} pieces`]
      if (held === reserved && available + reserved + sold === initial) return []
      return [
        `I6: ${initial} pieces became ${available} available, ${reserved} reserved; orders hold ${held}, ${sold} sold`,
      ]
    }),
  )
  return found.flat()
}

function piecesIn(orders: readonly Json[], productId: string, states: readonly string[]): number {
  return orders
    .filter(({ status }) => states.includes(String(status)))
    .flatMap(order => order['items'] as { productId: string; quantity: number }[])
    .filter(item => item.productId === productId)
    .reduce((sum, { quantity }) => sum + quantity, 0)
}

// I12: one e-mail for each notification.
async function letters(shop: Shop, mail: MailServer): Promise<string[]> {
  const notifications = await shop.all('/notifications?channel=email')
  const received = Map.groupBy(mail.messages, message => message.messageId ?? '')
  return [
    ...notifications.flatMap(({ id, status }) =>
      status === 'sent' ? [] : [`I12: notification ${String(id)} is ${String(status)}`],
    ),
    ...[...received].flatMap(([id, same]) => (same.length === 1 ? [] : [`I12: ${same.length} e-mails are ${id}`])),
    ...(received.size === notifications.length
      ? []
      : [`I12: ${received.size} e-mails for ${notifications.length} notifications`]),
  ]
}
