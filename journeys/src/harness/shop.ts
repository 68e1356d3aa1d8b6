import { randomUUID } from 'node:crypto'
import type { Feira } from './feira.ts'
import { post, request, type HttpAnswer } from './http.ts'
import { until } from './until.ts'

export type Json = Readonly<Record<string, unknown>>
type Headers = Readonly<Record<string, string>>

/** Somebody who registered, and the headers of a request by that person. */
export interface Customer {
  readonly id: string
  readonly email: string
  readonly headers: Headers
}

export const password = 'correct horse battery'

/** What people do in the shop, over the gateway. */
export class Shop {
  readonly #feira: Feira

  constructor(feira: Feira) {
    this.#feira = feira
  }

  get(path: string, headers: Headers = this.#feira.admin): Promise<HttpAnswer> {
    return request(this.#feira.url + path, { headers })
  }

  post(path: string, body?: unknown, headers: Headers = this.#feira.admin): Promise<HttpAnswer> {
    return post(this.#feira.url + path, body, headers)
  }

  send(method: 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, headers: Headers = this.#feira.admin) {
    const json = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    return request(this.#feira.url + path, { method, headers: { ...headers, ...type }, ...json })
  }

  /** Registers somebody and signs in. */
  async register(name = 'Ana Souza', locale: 'pt-BR' | 'en' = 'pt-BR'): Promise<Customer> {
    const email = `${name.split(' ')[0]?.toLowerCase()}.${randomUUID().slice(0, 8)}@example.com`
    const { status, body } = await this.post('/users', { name, email, password, locale }, {})
    if (status !== 201) throw new Error(`${email} was not registered: ${status} ${JSON.stringify(body)}`)
    return { id: String((body as Json)['id']), email, headers: await this.#feira.signIn(email, password) }
  }

  /** Puts a product into the catalogue. @returns its id. */
  async stock(pieces: number, price = 29.9): Promise<string> {
    const product = {
      sku: `SKU-${randomUUID()}`,
      name: 'Café da Serra 250 g',
      price,
      stock: pieces,
      category: 'coffee',
    }
    const { status, body } = await this.post('/products', product)
    if (status !== 201) throw new Error(`The product was not created: ${status} ${JSON.stringify(body)}`)
    return String((body as Json)['id'])
  }

  /** Orders some pieces. @returns the answer, whatever it is. */
  order(customer: Customer, productId: string, quantity = 1, key: string = randomUUID()): Promise<HttpAnswer> {
    const items = [{ productId, quantity }]
    return this.post('/orders', { items }, { ...customer.headers, 'idempotency-key': key })
  }

  /** Orders some pieces, which must be accepted. @returns the order's id. */
  async orderOne(customer: Customer, productId: string, quantity = 1): Promise<string> {
    const { status, body } = await this.order(customer, productId, quantity)
    if (status !== 201) throw new Error(`The order was answered ${status}: ${JSON.stringify(body)}`)
    return String((body as Json)['id'])
  }

  /** Waits until an order is in one of these states. @returns the order. */
  untilOrder(id: string, ...states: readonly string[]): Promise<Json> {
    return until(`order ${id} is ${states.join(' or ')}`, async () => {
      const { body } = await this.get(`/orders/${id}`)
      return states.includes(String((body as Json)['status'])) && (body as Json)
    })
  }

  /** Waits until an order has an invoice in this state. @returns the invoice. */
  untilInvoice(orderId: string, status: string): Promise<Json> {
    return until(`order ${orderId} has an invoice that is ${status}`, async () => {
      const { items = [] } = (await this.get(`/invoices?orderId=${orderId}`)).body as { items?: Json[] }
      return items[0]?.['status'] === status && items[0]
    })
  }

  async product(id: string): Promise<{ readonly stock: number; readonly reserved: number }> {
    return (await this.get(`/products/${id}`)).body as { stock: number; reserved: number }
  }

  /** Everything of a list, page by page. */
  async all(path: string, headers?: Headers): Promise<Json[]> {
    const items: Json[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const separator = path.includes('?') ? '&' : '?'
      const { status, body } = await this.get(`${path}${separator}limit=100${cursor && `&cursor=${cursor}`}`, headers)
      if (status !== 200) throw new Error(`${path} was answered ${status}: ${JSON.stringify(body)}`)
      const page = body as { items: Json[]; nextCursor: string | null }
      items.push(...page.items)
      cursor = page.nextCursor
    }
    return items
  }
}
