import { ask, describeSilence, fieldsOf, type Contact, type Question } from '../ask.ts'

/** A dead letter as `GET /ops/dead-letters/:id` shows it. */
export interface DeadLetter {
  readonly id: string
  readonly queue: string
  readonly messageId: string
  readonly type: string
  readonly reason: string
  readonly error: string | null
  readonly attempts: number
  readonly fingerprint: string
  readonly traceId: string | null
  readonly aggregateId: string | null
  readonly payload: string
  readonly diedAt: string
  readonly replayedAt: string | null
}

/** Dead letters of one cause, as `GET /ops/dead-letters` shows them. */
export interface Group {
  readonly fingerprint: string
  readonly queue: string
  readonly type: string
  readonly reason: string
  readonly error: string | null
  readonly count: number
  readonly firstDiedAt: string
  readonly lastDiedAt: string
  readonly newestId: string
}

/** Which dead letters of a service are meant. */
export type Selection = { readonly fingerprint: string } | { readonly all: true }

/** A service did not do what it was asked; the message says which, and why. */
export class OpsRefused extends Error {
  readonly status: number | undefined

  constructor(message: string, status?: number) {
    super(message)
    this.name = 'OpsRefused'
    this.status = status
  }
}

/** The dead letters of one service, over its own port. Every method throws {@link OpsRefused}. */
export class OpsClient {
  readonly service: string
  readonly #url: string
  readonly #token: string

  constructor(service: string, url: string, token: string) {
    this.service = service
    this.#url = `${url}/ops/dead-letters`
    this.#token = token
  }

  /** What waits there, one group for each cause. */
  async list(): Promise<readonly Group[]> {
    return (await this.#ask(''))['groups'] as readonly Group[]
  }

  /** One dead letter; undefined when it is not there. */
  async find(id: string): Promise<DeadLetter | undefined> {
    try {
      return (await this.#ask(`/${encodeURIComponent(id)}`)) as unknown as DeadLetter
    } catch (error) {
      if (error instanceof OpsRefused && error.status === 404) return undefined
      throw error
    }
  }

  /** Sends one back to the queue it died in. */
  async replayOne(id: string): Promise<void> {
    await this.#ask(`/${encodeURIComponent(id)}/replay`, { method: 'POST' })
  }

  /** Sends many back, or only counts them. @returns how many. */
  async replay(selection: Selection, dryRun: boolean): Promise<number> {
    const answer = await this.#ask('/replay', { method: 'POST', body: { ...selection, dryRun } })
    return Number(answer['replayed'] ?? answer['wouldReplay'])
  }

  /** Removes one for good. */
  async remove(id: string): Promise<void> {
    await this.#ask(`/${encodeURIComponent(id)}`, { method: 'DELETE' })
  }

  async #ask(path: string, question: Question = {}): Promise<Readonly<Record<string, unknown>>> {
    const contact = await ask(this.#url + path, { ...question, token: this.#token })
    if (contact.answered && contact.status < 300) return fieldsOf(contact)
    throw new OpsRefused(`app-${this.service}: ${reasonOf(contact)}`, contact.answered ? contact.status : undefined)
  }
}

function reasonOf(contact: Contact): string {
  if (!contact.answered) return `${new URL(contact.url).origin}: ${describeSilence(contact)}`
  const { detail } = fieldsOf(contact)
  return typeof detail === 'string' ? detail : `answered ${contact.status}`
}
