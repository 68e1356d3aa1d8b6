import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, describeSilence, fieldsOf, type Contact, type Question, type Reply } from '../ask.ts'

/** The deployment did not do what it must; the message says what. */
export class SmokeFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SmokeFailed'
  }
}

export interface Deployment {
  /** The gateway. */
  readonly url: string
  /** Of the throw-away customer. */
  readonly email: string
  /** Finds an admin's access token, when the customer is to be deleted. Without one the customer stays. */
  readonly admin: () => Promise<string | undefined>
  /** Ends the journey early. It still cleans up. */
  readonly signal: AbortSignal
  /** For the journey, in ms. Cleaning up has as long again. */
  readonly within: number
  /** Told of each step that is done: what, with what result, after how many ms. */
  readonly report: (step: string, result: string, milliseconds: number) => void
}

type Fields = Readonly<Record<string, unknown>>

/** Everything works; only what the journey left behind could not be taken back. */
export class NotCleanedUp extends SmokeFailed {}

/** Between two looks, in ms: a deployment that is in use is not to notice. */
const pause = 250

/** What was made, so that it can be unmade. */
interface Traces {
  customerId?: string
  token?: string
  orderId?: string
  cancelled?: boolean
}

/**
 * Goes through a deployment as a customer does: registers, signs in, orders, gets an invoice, reads both in the read model,
 * and cancels. It needs no product and no account, moves no stock and no money, and takes back what it can, also when it
 * fails: the order is cancelled, and an admin's token deletes the customer.
 * @throws SmokeFailed; NotCleanedUp when only that did not work.
 */
export async function travel(deployment: Deployment): Promise<void> {
  const traces: Traces = {}
  // Interrupting ends the journey, not what undoes it.
  const cleanUp = () => new Journey({ ...deployment, signal: new AbortController().signal }, traces).cleanUp()
  try {
    await new Journey(deployment, traces).go()
  } catch (error) {
    await cleanUp().catch((also: unknown) => {
      throw new SmokeFailed(`${messageOf(error)}\nAnd then: ${messageOf(also)}`)
    })
    throw error
  }
  await cleanUp().catch((error: unknown) => {
    throw new NotCleanedUp(messageOf(error))
  })
}

class Journey {
  readonly #deployment: Deployment
  readonly #traces: Traces
  readonly #deadline: number

  constructor(deployment: Deployment, traces: Traces) {
    this.#deployment = deployment
    this.#traces = traces
    this.#deadline = Date.now() + deployment.within
  }

  async go(): Promise<void> {
    const traces = this.#traces
    const password = randomUUID()
    await this.#step('the gateway answers', async () => `${(await this.#request(200, '/orders/ready')).status}`)
    await this.#step('a customer registers', async () => {
      const body = { name: 'Smoke Journey', email: this.#deployment.email, password }
      traces.customerId = textOf(await this.#write(201, '/users', { body }), 'id')
      return traces.customerId
    })
    await this.#step('signs in', async () => {
      const body = { username: this.#deployment.email, password }
      traces.token = textOf(await this.#request(200, '/auth/login', { method: 'POST', body }), 'access_token')
      return 'and holds a token'
    })
    await this.#step('orders', async () => {
      const order = await this.#write(201, '/orders', { body: { amount: 0.01 } })
      traces.orderId = textOf(order, 'id')
      return `${traces.orderId}, ${textOf(order, 'status')}`
    })
    const number = await this.#invoice()
    await this.#step('reads it all in the read model', () => this.#readModel(number))
    await this.#step('cancels', () => this.#cancel())
    await this.#step('the invoice is void', () => this.#invoiceThatIs('void', 'app-invoices heard of the cancellation'))
  }

  /** Cancels and deletes what there still is. */
  async cleanUp(): Promise<void> {
    const { customerId, orderId, cancelled } = this.#traces
    if (orderId !== undefined && !cancelled) await this.#step('cancels what was ordered', () => this.#cancel())
    if (customerId === undefined) return
    const admin = await this.#deployment.admin()
    if (admin === undefined) return this.#step('the customer stays', async () => 'only an admin may delete it')
    await this.#step('the customer is deleted', async () => {
      // 404: an earlier attempt did it, and its answer was lost.
      await this.#request([204, 404], `/users/${customerId}`, { method: 'DELETE', token: admin })
      return customerId
    })
  }

  async #invoice(): Promise<string> {
    let number = ''
    await this.#step('an invoice comes', async () => {
      number = await this.#invoiceThatIs('issued', "app-orders' outbox, the broker and app-invoices work")
      return number
    })
    return number
  }

  #invoiceThatIs(status: string, needed: string): Promise<string> {
    const { orderId } = this.#traces
    return this.#until(`order ${orderId} has an invoice that is ${status}: see whether ${needed}`, async () => {
      const { items } = fieldsOf(await this.#request(200, `/invoices?orderId=${orderId}`))
      const [invoice] = Array.isArray(items) ? (items as Fields[]) : []
      return {
        done: invoice?.['status'] === status,
        seen: typeof invoice?.['status'] === 'string' ? invoice['status'] : 'none',
        value: numberIn(invoice),
      }
    })
  }

  #readModel(number: string): Promise<string> {
    const { orderId } = this.#traces
    return this.#until(`/q/orders/${orderId} shows invoice ${number}: see whether app-queries works`, async () => {
      const reply = await this.#request([200, 404], `/q/orders/${orderId}`)
      const invoice = fieldsOf(reply)['invoice'] as Fields | null | undefined
      const seen = reply.status === 404 ? 'not even the order' : `invoice ${numberIn(invoice ?? undefined)}`
      return { done: invoice?.['number'] === number, seen, value: `invoice ${number}` }
    })
  }

  async #cancel(): Promise<string> {
    const body = { reason: 'smoke journey' }
    const order = await this.#write(200, `/orders/${this.#traces.orderId}/cancel`, { body })
    this.#traces.cancelled = true
    return textOf(order, 'status')
  }

  async #step(what: string, work: () => Promise<string>): Promise<void> {
    const startedAt = performance.now()
    const result = await work()
    this.#deployment.report(what, result, Math.round(performance.now() - startedAt))
  }

  /** A request that may be repeated, because it carries an Idempotency-Key. */
  #write(expected: number, path: string, { body }: Question): Promise<Reply> {
    return this.#request(expected, path, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      ...(body && { body }),
    })
  }

  /** Repeats what is not answered or put off, as happens while services are replaced. */
  #request(expected: number | readonly number[], path: string, question: Question = {}): Promise<Reply> {
    const wanted = [expected].flat()
    const { method = 'GET' } = question
    const { token } = this.#traces
    return this.#until(`${method} ${path} is answered ${wanted.join(' or ')}`, async () => {
      const contact = await ask(this.#deployment.url + path, { token, ...question })
      const done = contact.answered && wanted.includes(contact.status)
      if (contact.answered && !done && !isPassing(contact))
        throw new SmokeFailed(`${method} ${path} was ${describe(contact)}`)
      return { done, seen: describe(contact), value: contact as Reply }
    })
  }

  async #until<Value>(
    what: string,
    look: () => Promise<{ readonly done: boolean; readonly seen: string; readonly value: Value }>,
  ): Promise<Value> {
    const { signal, within } = this.#deployment
    for (;;) {
      if (signal.aborted) throw new SmokeFailed(`Interrupted while waiting until ${what}.`)
      const { done, seen, value } = await look()
      if (done) return value
      if (Date.now() + pause > this.#deadline)
        throw new SmokeFailed(`Not within ${within / 1_000} s: ${what}. Last seen: ${seen}.`)
      await sleep(pause)
    }
  }
}

/** Too many requests, and what gateways and load balancers say for a service that is not there at this moment. */
const passing = new Set([429, 502, 503, 504])

/** So is what is said while the first try of a request is still at work. */
function isPassing(reply: Reply): boolean {
  return passing.has(reply.status) || fieldsOf(reply)['code'] === 'idempotency-in-flight'
}

function describe(contact: Contact): string {
  if (!contact.answered) return describeSilence(contact)
  const { detail, message, title } = fieldsOf(contact)
  const reason = detail ?? message ?? title
  return `answered ${contact.status}${typeof reason === 'string' ? `: ${reason}` : ''}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function textOf(reply: Reply, field: string): string {
  const value = fieldsOf(reply)[field]
  if (typeof value !== 'string') throw new SmokeFailed(`${new URL(reply.url).pathname} was answered without ${field}`)
  return value
}

function numberIn(invoice: Fields | undefined): string {
  return typeof invoice?.['number'] === 'string' ? invoice['number'] : 'none'
}
