import type { Feira } from './feira.ts'
import type { ServiceName } from './service-process.ts'

/** An aggregate, as one database knows it. */
export interface Told extends Record<string, unknown> {
  readonly id: string
  /** Whether it was deleted: a reader may then have forgotten it. */
  readonly gone: boolean
  /** All that messages tell of it, as JSON. */
  readonly shows: string
}

/** The aggregates of one kind, as their owner knows them and as app-queries does. */
export interface ToldTwice {
  readonly kind: string
  readonly owner: readonly Told[]
  readonly model: readonly Told[]
}

/** What app-queries knows, beside what the owners know. */
export interface ReadModel {
  readonly kinds: readonly ToldTwice[]
  /** The messages that it tells of. */
  readonly timeline: readonly { readonly messageId: string }[]
}

export async function takeReadModel({ databases }: Feira): Promise<ReadModel> {
  const told = kinds.map(async ({ kind, service, owner, model }) => ({
    kind,
    owner: await databases[service].rows<Told>(toldBy(owner)),
    model: await databases.queries.rows<Told>(toldBy(model)),
  }))
  const timeline = 'select message_id as "messageId" from timeline'
  return { kinds: await Promise.all(told), timeline: await databases.queries.rows(timeline) }
}

/** @param rows SQL for an aggregate each, with `id` and perhaps `gone`. */
function toldBy(rows: string): string {
  return `select id, coalesce((to_jsonb(t) ->> 'gone')::boolean, false) as gone, (to_jsonb(t) - 'gone')::text as shows
    from (${rows}) t`
}

interface Kind {
  readonly kind: string
  readonly service: ServiceName
  /** SQL that shows the same of its owner's rows and of the model's. */
  readonly owner: string
  readonly model: string
}

const orderColumns = 'id, version, user_id, status, items, total_cents, currency, created_at'
const userColumns = 'id, version, name, email, role, status, locale, created_at, updated_at'
const productColumns = `id, version, sku, name, price_cents, currency, category, created_at, updated_at,
  deleted_at is not null as gone`
const invoiceColumns = `id, version, order_id, number, user_id, status, total_cents, currency, issued_at, paid_at,
  voided_at`
const notificationColumns = 'id, version, order_id, user_id, channel, template, recipient, status'

const kinds: readonly Kind[] = [
  {
    kind: 'order',
    service: 'orders',
    owner: `select ${orderColumns}, user_name as name, user_email as email, updated_at as changed_at from orders`,
    model: `select ${orderColumns}, customer_name as name, customer_email as email, changed_at from model.orders`,
  },
  {
    kind: 'user',
    service: 'users',
    owner: `select ${userColumns}, false as gone from users
      union all select id, version, null, null, null, null, null, null, null, true from user_tombstones`,
    model: `select ${userColumns}, deleted_at is not null as gone from model.users`,
  },
  {
    kind: 'product',
    service: 'products',
    owner: `select ${productColumns} from products`,
    model: `select ${productColumns} from model.products`,
  },
  {
    kind: 'stock',
    service: 'products',
    owner: `select id, stock_version as version, available, reserved, deleted_at is not null as gone from products`,
    model: `select product_id as id, version, available, reserved from model.stocks`,
  },
  {
    kind: 'invoice',
    service: 'invoices',
    owner: `select ${invoiceColumns} from invoices`,
    model: `select ${invoiceColumns} from model.invoices`,
  },
  {
    kind: 'notification',
    service: 'notifications',
    owner: `select ${notificationColumns}, sent_at from notifications where status <> 'pending'`,
    model: `select ${notificationColumns}, case status when 'sent' then at end as sent_at from model.notifications`,
  },
]
