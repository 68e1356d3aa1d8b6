import { randomUUID } from 'node:crypto'
import type { HttpAnswer } from './http.ts'
import type { Json, Shop } from './shop.ts'

/** What a partner sends. */
export interface PartnerEvent {
  readonly tipo: string
  readonly dados: Json
  readonly evento_id?: string
}

export interface PartnerOptions {
  readonly webhookUrl?: string
  readonly limitPerMinute?: number
  readonly limitPerSecond?: number
}

/** A business that sells through the shop: the admin adds it, and it signs in with an API key. */
export class Partner {
  readonly id: string
  /** What its webhooks are signed with. */
  readonly webhookSecret: string
  /** Of a request by the partner. */
  readonly headers: Readonly<Record<string, string>>
  /** Ids of the events that were promised to be dealt with. */
  readonly accepted: string[] = []
  readonly #shop: Shop

  private constructor(shop: Shop, { id, webhookSecret }: Json, key: unknown) {
    this.#shop = shop
    this.id = String(id)
    this.webhookSecret = String(webhookSecret)
    this.headers = { 'x-api-key': String(key) }
  }

  static async add(shop: Shop, name: string, options: PartnerOptions = {}): Promise<Partner> {
    const partner = await created(shop.post('/partners', { name, ...options }))
    const { key } = await created(shop.post(`/partners/${String(partner['id'])}/keys`, { label: 'journey' }))
    return new Partner(shop, partner, key)
  }

  /** Sends an event. @returns the answer, whatever it is. */
  async send(event: PartnerEvent): Promise<HttpAnswer> {
    const answer = await this.#shop.post('/events', event, this.headers)
    if (answer.status === 202) this.#promised([answer.body as Json])
    return answer
  }

  /** Sends an event, which must be accepted. @returns its id. */
  async tell(event: PartnerEvent): Promise<string> {
    const { status, body } = await this.send(event)
    if (status !== 202) throw new Error(`The event was answered ${status}: ${JSON.stringify(body)}`)
    return String((body as Json)['id'])
  }

  /** Sends events together. @returns the answer, whatever it is. */
  async sendBatch(events: readonly unknown[]): Promise<HttpAnswer> {
    const answer = await this.#shop.post('/events/batch', events, this.headers)
    if (answer.status === 202) this.#promised((answer.body as { items: Json[] }).items)
    return answer
  }

  #promised(answers: readonly Json[]): void {
    const ids = answers.flatMap(({ id }) => (typeof id === 'string' ? [id] : []))
    this.accepted.push(...ids.filter(id => !this.accepted.includes(id)))
  }
}

async function created(answer: Promise<HttpAnswer>): Promise<Json> {
  const { status, body } = await answer
  if (status !== 201) throw new Error(`Nothing was created: ${status} ${JSON.stringify(body)}`)
  return body as Json
}

/** @param cents what all of it is expected to cost. */
export function saleOf(product: string, quantity: number, cents: number): PartnerEvent {
  const dados = { produto_id: product, quantidade: quantity, valor: cents / 100 }
  return { tipo: 'VENDA', dados, evento_id: randomUUID() }
}

export function returnOf(sale: string, reason = 'Não serviu'): PartnerEvent {
  return { tipo: 'DEVOLUÇÃO', dados: { venda_id: sale, motivo: reason }, evento_id: randomUUID() }
}

export function stockOf(product: string, quantity: number): PartnerEvent {
  return { tipo: 'ATUALIZAÇÃO_ESTOQUE', dados: { produto_id: product, quantidade: quantity }, evento_id: randomUUID() }
}
