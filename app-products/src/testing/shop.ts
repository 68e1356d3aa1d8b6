import { newId } from '@feira/chassis'
import { asAdmin, startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import type { Message } from '@feira/contracts'
import type { z } from 'zod'
import type { productView } from '../product-view.ts'
import { service } from '../service.ts'

export type Product = z.infer<typeof productView>

/** The service of a test, with what tests do to it. */
export interface Shop extends TestService {
  /** Adds a product over HTTP. */
  create(fields?: Record<string, unknown>): Promise<Product>
  /** A request of an admin. */
  admin(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    payload?: object,
    headers?: Record<string, string>,
  ): Promise<Answer>
  read(id: string): Promise<Product>
  sql<Row extends Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>
  /** Publishes messages in one burst, each under an id of its own unless it has one. */
  burst(messages: readonly Sent[]): Promise<void>
  /** Waits until so many deliveries have ended in all, those of `others` included. */
  settled(count: number, ...others: readonly Pick<TestService, 'resources'>[]): Promise<void>
  /** Empties the tables of the service, and its outbox. */
  clear(): Promise<void>
}

export interface Sent {
  readonly message: Message
  readonly data: object
  readonly id?: string
}

type Answer = Awaited<ReturnType<TestService['http']['inject']>>

export async function openShop(env: Record<string, string> = {}): Promise<Shop> {
  const running = await startTestService(service, { OUTBOX_POLL_INTERVAL: '20ms', ...env })
  const { http, resources } = running
  const sql = async <Row extends Record<string, unknown>>(text: string, ...values: unknown[]) =>
    (await resources.query<Row>({ text, values })).rows
  const admin: Shop['admin'] = (method, url, payload, headers = {}) =>
    http.inject({ method, url, headers: { ...asAdmin(), ...headers }, ...(payload ? { payload } : {}) })
  return {
    ...running,
    sql,
    admin,
    async create(fields = {}) {
      const sku = `SKU-${newId()}`
      const answer = await admin('POST', '/products', { sku, name: 'Café', price: 29.9, stock: 10, ...fields })
      if (answer.statusCode !== 201) throw new Error(answer.body)
      return answer.json()
    },
    read: async id => (await http.inject(`/products/${id}`)).json(),
    async burst(messages) {
      await sql(
        `insert into chassis.outbox (id, message_id, type, aggregate_type, aggregate_id, payload, headers)
         select id, message_id, type, aggregate, payload ->> aggregate_id, payload, '{}'
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
           as t (id, message_id, type, aggregate, aggregate_id, payload)`,
        messages.map(() => newId()),
        messages.map(({ id }) => id ?? newId()),
        messages.map(({ message }) => message.type),
        messages.map(({ message }) => message.aggregate.type),
        messages.map(({ message }) => message.aggregate.id),
        messages.map(({ data }) => JSON.stringify(data)),
      )
    },
    async settled(count, ...others) {
      await waitUntil(`${count} deliveries have ended`, async () => {
        const ended = await Promise.all([running, ...others].map(deliveries))
        return ended.reduce((sum, each) => sum + each, 0) >= count
      })
    },
    // The inbox stays: what is still being delivered a second time must be known then.
    clear: async () =>
      void (await sql(`truncate products, movements, reservations, partner_answers, chassis.outbox, chassis.dead_letters,
        chassis.idempotency_keys`)),
  }
}

/** How many deliveries an instance has ended, one way or the other. */
export async function deliveries({ resources }: Pick<TestService, 'resources'>): Promise<number> {
  const metric = await resources.metrics.getSingleMetric('messages_handled_total')?.get()
  return (metric?.values ?? [])
    .filter(({ labels }) => labels['outcome'] !== 'retried')
    .reduce((sum, { value }) => sum + value, 0)
}

interface Discrepancy extends Record<string, unknown> {
  readonly id: string
}

/** The products whose stock is not the sum of their ledger, or whose ledger does not fit what orders hold. */
export function discrepancies({ sql }: Pick<Shop, 'sql'>): Promise<Discrepancy[]> {
  return sql<Discrepancy>(`
    with ledger as (
      select product_id, sum(available) as available, sum(reserved) as reserved,
        sum(available) filter (where kind in ('initial', 'adjustment', 'set')) as put,
        coalesce(-sum(reserved) filter (where kind = 'sale'), 0)
          - coalesce(sum(available) filter (where kind = 'return'), 0) as sold
      from movements group by product_id),
    held as (
      select (item ->> 'productId')::uuid as product_id,
        sum((item ->> 'quantity')::bigint) filter (where state = 'reserved') as reserved,
        sum((item ->> 'quantity')::bigint) filter (where state = 'sold') as sold
      from reservations, jsonb_array_elements(items) as item group by 1)
    select id, products.available, products.reserved, to_json(ledger) as ledger, to_json(held) as held
    from products left join ledger on ledger.product_id = id left join held on held.product_id = id
    where (products.available, products.reserved) is distinct from (ledger.available, ledger.reserved)
      or put is distinct from products.available + products.reserved + ledger.sold
      or products.reserved <> coalesce(held.reserved, 0) or ledger.sold <> coalesce(held.sold, 0)`)
}
