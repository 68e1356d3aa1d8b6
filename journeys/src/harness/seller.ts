import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { returnOf, saleOf, type Partner, type PartnerEvent } from './partner.ts'

/** Milliseconds for insisting on one event. */
const patience = 20_000
/** Of a piece, in cents. */
const price = 2_990

/** A partner who sells and takes back at random, and sends again what was not answered: under the same `evento_id`. */
export class Seller {
  readonly #partner: Partner
  readonly #products: readonly string[]
  readonly #unanswered: PartnerEvent[] = []
  #open = false
  #selling: Promise<void> | undefined

  /** @param products ids of what may be sold, each for the price of {@link Shop.stock}. */
  constructor(partner: Partner, products: readonly string[]) {
    this.#partner = partner
    this.#products = products
  }

  /** Ids of the events that were promised to be dealt with. */
  get promised(): readonly string[] {
    return this.#partner.accepted
  }

  /** Sells about five times a second until {@link leave}. */
  keepSelling(): void {
    this.#open = true
    this.#selling = this.#sell()
  }

  async leave(): Promise<void> {
    this.#open = false
    await this.#selling
  }

  /** Sends again what was not answered, or refused for the moment. */
  async insist(): Promise<void> {
    for (let event = this.#unanswered.pop(); event; event = this.#unanswered.pop()) {
      const deadline = Date.now() + patience
      while (!(await this.#isTaken(event))) {
        if (Date.now() > deadline) throw new Error(`The partner was not answered: ${JSON.stringify(event)}`)
        await sleep(100)
      }
    }
  }

  async #sell(): Promise<void> {
    while (this.#open) {
      const event = this.#next()
      if (!(await this.#isTaken(event))) this.#unanswered.push(event)
      await sleep(randomInt(100, 300))
    }
  }

  /** Mostly a sale; sometimes one that is refused, or the return of an earlier one. */
  #next(): PartnerEvent {
    const { accepted } = this.#partner
    if (accepted.length > 0 && randomInt(5) === 0) return returnOf(accepted[randomInt(accepted.length)] as string)
    const quantity = randomInt(1, 4)
    const cheaper = randomInt(10) === 0 ? 1 : 0
    return saleOf(this.#products[randomInt(this.#products.length)] as string, quantity, quantity * price - cheaper)
  }

  async #isTaken(event: PartnerEvent): Promise<boolean> {
    const answer = await this.#partner.send(event).catch(() => undefined)
    if (answer !== undefined && ![202, 502, 503, 504].includes(answer.status)) {
      throw new Error(`The partner was answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    return answer?.status === 202
  }
}
