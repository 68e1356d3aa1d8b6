import { createHash } from 'node:crypto'
import type { Database } from '@feira/chassis'
import { asc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { invoices, notifications, orders, products, users } from '../schema.ts'
import { customerColumns, money, orderSummary, toSummary, type Names } from './order-view.ts'

const invoiceView = z
  .object({
    id: z.uuid(),
    number: z.string(),
    status: z.enum(['issued', 'paid', 'void']),
    amount: money,
    totalCents: z.int(),
    currency: z.string(),
    version: z.int(),
    issuedAt: z.iso.datetime(),
    paidAt: z.iso.datetime().nullable(),
    voidedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Invoice' })

const notificationView = z
  .object({
    id: z.uuid(),
    channel: z.enum(['email', 'sms']),
    template: z.string().nullable().describe('which letter it is, e.g. `order-created`'),
    recipient: z.string().nullable().describe('null once the person was erased'),
    status: z.enum(['sent', 'failed']),
    version: z.int(),
    at: z.iso.datetime().describe('when it was sent or given up'),
  })
  .meta({ id: 'Notification' })

/** An order with all that belongs to it; what is not known yet is null, or missing from its list. */
export const wholeOrder = orderSummary
  .extend({
    invoice: invoiceView.nullable(),
    notifications: z.array(notificationView).describe('oldest first'),
  })
  .meta({ id: 'Order' })

export type WholeOrder = z.infer<typeof wholeOrder>

/** An order with a tag that changes with any part of it. */
export interface TaggedOrder {
  readonly tag: string
  readonly order: WholeOrder
}

/** Prepares the one statement that reads an order with all that belongs to it. */
export function prepareWholeOrder(db: Database): (id: string) => Promise<TaggedOrder | undefined> {
  const statement = selectWholeOrder(db).prepare('whole-order')
  return async id => {
    const [row] = await statement.execute({ id })
    if (!row) return undefined
    const order = {
      ...toSummary(row.order, row.user, row.names ?? {}),
      invoice: row.invoice ? toInvoice(row.invoice) : null,
      notifications: (row.notifications ?? []).map(each => ({ ...each, at: new Date(each.at).toISOString() })),
    }
    return { tag: tagOf(order), order }
  }
}

/** The statement, with a placeholder `id`; whatever else is known of an order is found by an index from its row. */
export function selectWholeOrder(db: Database) {
  return db
    .select({
      order: orders,
      user: customerColumns,
      names: currentNames,
      invoice: invoices,
      notifications: itsNotifications,
    })
    .from(orders)
    .leftJoin(users, eq(users.id, orders.userId))
    .leftJoin(invoices, eq(invoices.orderId, orders.id))
    .where(eq(orders.id, sql.placeholder('id')))
    .orderBy(asc(invoices.id))
    .limit(1)
}

const currentNames = sql<Names | null>`(
  select jsonb_object_agg(${products.id}, ${products.name}) from ${products}
  where ${products.name} is not null and ${products.id} = any(array(
    select (item ->> 'productId')::uuid from jsonb_array_elements(${orders.items}) as item)))`

const itsNotifications = sql<WholeOrder['notifications'] | null>`(
  select jsonb_agg(jsonb_build_object(
    'id', ${notifications.id}, 'channel', ${notifications.channel}, 'template', ${notifications.template},
    'recipient', ${notifications.recipient}, 'status', ${notifications.status},
    'version', ${notifications.version}, 'at', ${notifications.at}) order by ${notifications.at}, ${notifications.id})
  from ${notifications} where ${notifications.orderId} = ${orders.id})`

function toInvoice(row: typeof invoices.$inferSelect): WholeOrder['invoice'] {
  const { id, number, status, totalCents, currency, version, issuedAt, paidAt, voidedAt } = row
  return {
    id,
    number,
    status,
    amount: totalCents / 100,
    totalCents,
    currency,
    version,
    issuedAt: issuedAt.toISOString(),
    paidAt: paidAt?.toISOString() ?? null,
    voidedAt: voidedAt?.toISOString() ?? null,
  }
}

// A digest rather than the versions of the parts: it cannot forget one.
function tagOf(order: WholeOrder): string {
  return createHash('sha256').update(JSON.stringify(order)).digest('base64url').slice(0, 22)
}
