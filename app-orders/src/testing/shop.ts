import { newId } from '@feira/chassis'
import { asAdmin, asUser, startTestService, type BearerHeaders, type TestService } from '@feira/chassis/testing'
import type { Payload } from '@feira/contracts'
import { paymentCompleted } from '@feira/contracts/payments'
import { productCreated, productUnavailable, stockReserved } from '@feira/contracts/products'
import { userCreated } from '@feira/contracts/users'
import type { OrderStatus } from '../domain/order.ts'
import type { OrderView } from '../order-view.ts'
import { service } from '../service.ts'

type Product = Payload<typeof productCreated>
type User = Payload<typeof userCreated>
interface Line {
  readonly productId: string
  readonly quantity: number
}

/** The service with customers who order products, and with the answers of its neighbours, for tests. */
export interface Shop extends TestService {
  /** Makes a user known. */
  user(fields?: Partial<User>): Promise<User>
  /** Makes a product known. */
  product(fields?: Partial<Product>): Promise<Product>
  post(path: string, payload?: object, headers?: Record<string, string>): ReturnType<Shop['send']>
  send(method: 'GET' | 'POST' | 'PATCH', path: string, payload?: object, headers?: Record<string, string>): Inject
  /** Places an order of two pieces of a new product for a new user, or of what is given. */
  order(lines?: readonly Line[], userId?: string): Promise<OrderView>
  /** The order as an admin reads it. */
  read(id: string): Promise<OrderView>
  /** The states it went through, with their reasons. */
  history(id: string): Promise<{ version: number; status: OrderStatus; reason: string | null }[]>
  stockReserved(order: OrderView): Promise<string>
  productUnavailable(order: OrderView, available?: number): Promise<string>
  paid(order: Pick<OrderView, 'id'>, fields?: Partial<Payload<typeof paymentCompleted>>): Promise<string>
  /** Places an order and leads it to a state. */
  orderIn(status: OrderStatus): Promise<OrderView>
  /** Leads an order that was just placed to a state. */
  lead(id: string, status: OrderStatus): Promise<OrderView>
  /** What was published about an order, oldest first. */
  publishedOf(id: string): Promise<{ type: string; queue: string | null; payload: Record<string, unknown> }[]>
  /** The reasons why messages about an order were given up. */
  deadLetters(id: string): Promise<string[]>
}

type Inject = ReturnType<TestService['http']['inject']> & Promise<Answer>
type Answer = Awaited<ReturnType<TestService['http']['inject']>>

export const admin: BearerHeaders = asAdmin()
export const eachStatus: readonly OrderStatus[] = [
  'pending',
  'reserved',
  'paid',
  'shipped',
  'completed',
  'cancelled',
  'refunded',
]

export async function startShop(env: Record<string, string> = {}): Promise<Shop> {
  const running = await startTestService(service, env)
  const send: Shop['send'] = (method, path, payload, headers = admin) =>
    running.http.inject({ method, url: `/orders${path}`, headers, ...(payload ? { payload } : {}) }) as Inject
  const shop: Shop = {
    ...running,
    async user(fields = {}) {
      const user = { ...userCreated.example, userId: newId(), ...fields }
      await running.deliver(userCreated, user)
      return user
    },
    async product(fields = {}) {
      const product = { ...productCreated.example, productId: newId(), ...fields }
      await running.deliver(productCreated, product)
      return product
    },
    send,
    post: (path, payload, headers) => send('POST', path, payload, headers),
    async order(lines, userId) {
      const items = lines ?? [{ productId: (await shop.product()).productId, quantity: 2 }]
      const customer = userId ?? (await shop.user()).userId
      const answer = await send('POST', '', { items }, asUser(customer))
      if (answer.statusCode !== 201) throw new Error(answer.body)
      return answer.json<OrderView>()
    },
    read: async id => (await send('GET', `/${id}`)).json<OrderView>(),
    async history(id) {
      const { items } = (await send('GET', `/${id}/history`)).json<{ items: Awaited<ReturnType<Shop['history']>> }>()
      return items.map(({ version, status, reason }) => ({ version, status, reason }))
    },
    stockReserved: ({ id, items }) =>
      running.deliver(stockReserved, { orderId: id, items: linesOf(items), reservedAt: new Date().toISOString() }),
    productUnavailable: ({ id, items }, available = 0) =>
      running.deliver(productUnavailable, {
        orderId: id,
        items: linesOf(items).map(line => ({ ...line, available })),
      }),
    paid: ({ id }, fields = {}) => running.deliver(paymentCompleted, { orderId: id, ...fields }),
    orderIn: async status => lead(shop, await shop.order(), status),
    lead: async (id, status) => lead(shop, await shop.read(id), status),
    async publishedOf(id) {
      const { rows } = await running.resources.query<Awaited<ReturnType<Shop['publishedOf']>>[number]>({
        text: 'select type, queue, payload from chassis.outbox where aggregate_id = $1 order by id',
        values: [id],
      })
      return rows
    },
    async deadLetters(id) {
      const { rows } = await running.resources.query<{ error: string }>({
        text: `select error from chassis.dead_letters where payload::jsonb->>'orderId' = $1 order by id`,
        values: [id],
      })
      return rows.map(({ error }) => error)
    },
  }
  return shop
}

function linesOf(items: readonly Line[]): Line[] {
  return items.map(({ productId, quantity }) => ({ productId, quantity }))
}

const steps: Readonly<Record<Exclude<OrderStatus, 'pending' | 'reserved'>, readonly string[]>> = {
  paid: ['pay'],
  shipped: ['pay', 'ship'],
  completed: ['pay', 'ship', 'complete'],
  cancelled: ['cancel'],
  refunded: ['pay', 'refund'],
}

async function lead(shop: Shop, order: OrderView, status: OrderStatus): Promise<OrderView> {
  if (status === 'pending') return order
  await shop.stockReserved(order)
  for (const step of status === 'reserved' ? [] : steps[status]) {
    const answer =
      step === 'ship'
        ? await shop.send('PATCH', `/${order.id}/status`, { status: 'shipped' })
        : await shop.post(`/${order.id}/${step}`)
    if (answer.statusCode !== 200) throw new Error(answer.body)
  }
  return shop.read(order.id)
}
