import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a customer asked for and what came back. */
export interface Answer {
  /** Its Idempotency-Key. */
  readonly key: string
  readonly totalCents: number
  /** Absent when no answer came. */
  readonly status?: number | undefined
  readonly headers?: Headers | undefined
  /** The order, or the problem. */
  readonly body?: Readonly<Record<string, unknown>> | undefined
  /** Milliseconds until the answer, or its absence. */
  readonly milliseconds: number
}

export interface PlaceOptions {
  readonly key?: string
  readonly totalCents?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Where, if not at the book's own address. */
  readonly url?: string
}

const patience = 30_000

/** The customers' own record of every order they placed and every answer they got, against which the system is checked. */
export class OrderBook {
  readonly answers: Answer[] = []
  readonly #url: () => string
  readonly #credentials: () => Readonly<Record<string, string>>
  #open = false
  #customers: Promise<unknown> | undefined

  /**
   * @param url says where orders are placed: at a gateway or a service.
   * @param credentials are the headers that say who the customer is.
   */
  constructor(url: () => string, credentials: () => Readonly<Record<string, string>>) {
    this.#url = url
    this.#credentials = credentials
  }

  /** The answers that promise an order. */
  get accepted(): Answer[] {
    return this.answers.filter(({ status }) => status === 201)
  }

  /** Places one order. */
  async place({
    key = randomUUID(),
    totalCents = randomInt(1, 100_000),
    headers,
    url = this.#url(),
  }: PlaceOptions = {}): Promise<Answer> {
    const startedAt = performance.now()
    const outcome = await post(url, key, totalCents, { ...this.#credentials(), ...headers }).catch(() => ({}))
    const answer = { key, totalCents, milliseconds: performance.now() - startedAt, ...outcome }
    this.answers.push(answer)
    return answer
  }

  /** Places one order that must be accepted. @returns its id. */
  async placeOne(options: PlaceOptions = {}): Promise<string> {
    const { status, body } = await this.place(options)
    if (status !== 201) throw new Error(`The order was answered ${status}: ${JSON.stringify(body)}`)
    return String(body?.['id'])
  }

  /** Places so many orders, by so many customers at a time. */
  async placeMany({ count, clients = 8 }: { readonly count: number; readonly clients?: number }): Promise<void> {
    let left = count
    const customer = async () => {
      while (left-- > 0) await this.place()
    }
    await Promise.all(Array.from({ length: clients }, customer))
  }

  /** Customers keep coming until {@link stopPlacing}. */
  keepPlacing({ clients = 8, pause = 10 }: { readonly clients?: number; readonly pause?: number } = {}): void {
    this.#open = true
    const customer = async () => {
      while (this.#open) {
        const { status } = await this.place()
        // Nobody orders again at once, least of all who was turned away.
        await sleep(status === 201 ? pause : pause * 20)
      }
    }
    this.#customers = Promise.all(Array.from({ length: clients }, customer))
  }

  /** No more customers come, and those who are there have their answers. */
  async stopPlacing(): Promise<void> {
    this.#open = false
    await this.#customers
  }

  /** Customers without an answer, or told to come again, ask again with the same key, until each has its order. */
  async insist(clients = 8): Promise<void> {
    const served = new Set(this.accepted.map(({ key }) => key))
    const unserved = new Map(this.answers.filter(({ key }) => !served.has(key)).map(each => [each.key, each]))
    const queue = [...unserved.values()]
    const customer = async () => {
      for (let next = queue.pop(); next; next = queue.pop()) await this.#insistOn(next)
    }
    await Promise.all(Array.from({ length: clients }, customer))
  }

  /** Takes down an order that somebody else placed. */
  note({ id, totalCents }: { readonly id: string; readonly totalCents: number }): void {
    this.answers.push({ key: id, totalCents, status: 201, body: { id }, milliseconds: 0 })
  }

  async #insistOn({ key, totalCents }: Answer): Promise<void> {
    const deadline = Date.now() + patience
    while ((await this.place({ key, totalCents })).status !== 201) {
      if (Date.now() > deadline) throw new Error(`The order with key ${key} was not accepted within ${patience} ms.`)
      await sleep(100)
    }
  }
}

async function post(url: string, key: string, totalCents: number, headers: PlaceOptions['headers']) {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key, ...headers },
    body: JSON.stringify({ amount: (totalCents / 100).toFixed(2) }),
    signal: AbortSignal.timeout(patience),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] }
}
