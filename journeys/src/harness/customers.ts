import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Feira } from './feira.ts'
import { request, type HttpAnswer } from './http.ts'
import type { Customer, Json } from './shop.ts'

export type Verb = 'order' | 'pay' | 'cancel' | 'ship' | 'complete' | 'refund'

/** What somebody asked of the shop, perhaps several times, under one Idempotency-Key. */
export interface Wish {
  readonly key: string
  readonly verb: Verb
  readonly method: 'POST' | 'PATCH'
  readonly path: string
  readonly body: unknown
  /** Of whoever asks. */
  readonly headers: Readonly<Record<string, string>>
  /** Those that came; a request that broke off has none. */
  readonly answers: HttpAnswer[]
}

export interface CustomersOptions {
  readonly feira: Feira
  readonly people: readonly Customer[]
  /** Ids of what they may order. */
  readonly products: readonly string[]
}

/** What may be done next about an order that one sees in this state; often nothing. */
const choices: Readonly<Record<string, readonly (Verb | 'nothing')[]>> = {
  pending: ['cancel', 'nothing', 'nothing', 'nothing', 'nothing', 'nothing'],
  reserved: ['pay', 'pay', 'pay', 'cancel'],
  paid: ['ship', 'ship', 'cancel', 'nothing'],
  shipped: ['complete', 'complete', 'refund', 'nothing'],
}

const ofAdmins: readonly Verb[] = ['ship', 'complete', 'refund']
/** Milliseconds for one request; and for insisting on one wish. */
const patience = 20_000
/** Orders that one customer follows at a time. */
const mostOpen = 8

/** People who order, pay and cancel at random, and note what they asked for and what they were told. */
export class Customers {
  readonly wishes: Wish[] = []
  readonly #options: CustomersOptions
  /** The orders that each still follows. */
  readonly #following: ReadonlyMap<Customer, string[]>
  #open = false
  #visits: Promise<unknown> | undefined

  constructor(options: CustomersOptions) {
    this.#options = options
    this.#following = new Map(options.people.map(person => [person, []]))
  }

  /** The orders that were promised. */
  get accepted(): Wish[] {
    return this.wishes.filter(({ verb, answers }) => verb === 'order' && answers.some(isYes))
  }

  /** They keep coming until {@link leave}; each pauses about so many milliseconds between two visits. */
  keepComing({ pause = 100 }: { readonly pause?: number } = {}): void {
    this.#open = true
    const visits = async (person: Customer) => {
      while (this.#open) {
        await this.#visit(person)
        await sleep(randomInt(pause, 2 * pause))
      }
    }
    this.#visits = Promise.all(this.#options.people.map(visits))
  }

  /** Nobody comes any more, and those who are there have their answers. */
  async leave(): Promise<void> {
    this.#open = false
    await this.#visits
  }

  /** Whoever has no answer yet, or was told to come again, asks again with the same key. */
  async insist(clients = 6): Promise<void> {
    const queue = this.wishes.filter(({ answers }) => !answers.some(isFinal))
    const insistent = async () => {
      for (let wish = queue.pop(); wish; wish = queue.pop()) await this.#insistOn(wish)
    }
    await Promise.all(Array.from({ length: clients }, insistent))
  }

  async #visit(person: Customer): Promise<void> {
    const following = this.#following.get(person) as string[]
    const orders = following.length < 3 || (following.length < mostOpen && randomInt(2) === 0)
    if (!orders) return this.#follow(person, following)
    const wish = this.#note('order', { path: '/orders', body: { items: this.#basket() }, headers: person.headers })
    await this.#ask(wish)
    const id = wish.answers.find(isYes)?.body as Json | undefined
    if (id) following.push(String(id['id']))
  }

  async #follow(person: Customer, following: string[]): Promise<void> {
    const index = randomInt(following.length)
    const id = String(following[index])
    const seen = await this.#send('GET', `/orders/${id}`, { headers: person.headers })
    if (seen?.status !== 200) return
    const verbs = choices[String((seen.body as Json)['status'])]
    if (!verbs) return void following.splice(index, 1)
    const verb = verbs[randomInt(verbs.length)]
    if (verb && verb !== 'nothing') await this.#ask(this.#wishAbout(id, verb, person))
  }

  #wishAbout(id: string, verb: Verb, person: Customer): Wish {
    const headers = ofAdmins.includes(verb) ? this.#options.feira.admin : person.headers
    if (verb === 'ship') {
      return this.#note(verb, { method: 'PATCH', path: `/orders/${id}/status`, body: { status: 'shipped' }, headers })
    }
    const body = verb === 'refund' ? { restock: randomInt(2) === 0 } : undefined
    return this.#note(verb, { path: `/orders/${id}/${verb}`, body, headers })
  }

  #note(
    verb: Verb,
    { method = 'POST' as const, ...rest }: Pick<Wish, 'path' | 'body' | 'headers'> & Partial<Wish>,
  ): Wish {
    const wish: Wish = { ...rest, key: randomUUID(), verb, method, answers: [] }
    this.wishes.push(wish)
    return wish
  }

  /** Asks once; every tenth customer is impatient, and asks twice at the same time. */
  async #ask(wish: Wish): Promise<void> {
    const times = randomInt(10) === 0 ? 2 : 1
    await Promise.all(Array.from({ length: times }, () => this.#request(wish)))
  }

  async #request({ method, path, key, body, headers, answers }: Wish): Promise<void> {
    const answer = await this.#send(method, path, { body, headers: { ...headers, 'idempotency-key': key } })
    if (answer) answers.push(answer)
  }

  async #insistOn(wish: Wish): Promise<void> {
    const deadline = Date.now() + patience
    for (;;) {
      await this.#request(wish)
      if (wish.answers.some(isFinal)) return
      if (Date.now() > deadline) throw new Error(`"${wish.verb}" was not answered within ${patience} ms: ${wish.path}`)
      await sleep(100)
    }
  }

  /** @returns nothing when no answer came. */
  async #send(method: string, path: string, { headers, body }: Pick<Wish, 'headers'> & { readonly body?: unknown }) {
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const signal = AbortSignal.timeout(patience)
    const init = { method, headers: { ...headers, ...type }, ...content, signal }
    return request(this.#options.feira.url + path, init).catch(() => undefined)
  }

  #basket(): { productId: string; quantity: number }[] {
    const { products } = this.#options
    const first = randomInt(products.length)
    const second = randomInt(products.length)
    const chosen = new Set([first, second].map(index => products[index] as string))
    return [...chosen].map(productId => ({ productId, quantity: randomInt(1, 4) }))
  }
}

export function isYes({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300
}

/** Yes, or a no that asking again does not change. */
function isFinal(answer: HttpAnswer): boolean {
  return isYes(answer) || isCode(answer, 'invalid-transition')
}

/** Neither an answer to the wish nor an invitation to come again. */
export function isUnexpected(answer: HttpAnswer): boolean {
  return !isFinal(answer) && ![502, 503, 504].includes(answer.status) && !isCode(answer, 'idempotency-in-flight')
}

function isCode({ status, body }: HttpAnswer, code: string): boolean {
  return status === 409 && (body as Json)['code'] === code
}
