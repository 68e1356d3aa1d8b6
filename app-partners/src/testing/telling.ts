import { newId, type Environment, type RunningService, type Service } from '@feira/chassis'
import { startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { onPartnersWebhook } from '../features/on-partners-webhook.ts'
import { service } from '../service.ts'
import type { Resolve } from '../webhooks/guarded-lookup.ts'
import { openSender } from '../webhooks/sender.ts'
import { tellPartner, type EndedEvent } from '../webhooks/tell-partner.ts'

export const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

export interface Attempt {
  readonly number: number
  readonly url: string | null
  readonly startedAt: Date
  readonly endedAt: Date | null
  readonly delivered: boolean | null
  readonly httpStatus: number | null
  readonly error: string | null
}

/** What tests do to a running service: add partners, end events, look at what became of the webhooks. */
export interface Teller {
  sql<Row extends Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>
  /** Adds a partner. @returns its id. */
  partner(webhookUrl: string | null, fields?: { readonly deleted?: boolean }): Promise<string>
  /** Ends an event of a partner. @returns the ids of its deliveries, one at most. */
  end(partnerId: string, fields?: Partial<EndedEvent>): Promise<string[]>
  /** The same, of which there is one. */
  tell(partnerId: string, fields?: Partial<EndedEvent>): Promise<string>
  statusOf(deliveryId: string): Promise<string | undefined>
  attemptsOf(deliveryId: string): Promise<Attempt[]>
  becomes(deliveryId: string, status: 'delivered' | 'failed'): Promise<void>
}

export type Telling = TestService & Teller

/** Of the service what tells partners, with pauses between attempts that a test can wait for. */
export function impatient(retryDelays: readonly number[] = [20, 40], resolve?: Resolve): Service {
  const consumers = [{ ...onPartnersWebhook, retryDelays }]
  return { ...service, startup: [openSender(resolve)], routes: [], consumers, jobs: [] }
}

export async function openTelling(env: Environment = {}, value: Service = impatient()): Promise<Telling> {
  const running = await startTestService(value, { OUTBOX_POLL_INTERVAL: '20ms', WEBHOOK_TIMEOUT: '300ms', ...env })
  return { ...running, ...tellerOf(running) }
}

export function tellerOf({ resources: { query, transact } }: Pick<RunningService, 'resources'>): Teller {
  const sql = async <Row extends Record<string, unknown>>(text: string, ...values: unknown[]) =>
    (await query<Row>({ text, values })).rows
  const end: Telling['end'] = async (partnerId, fields = {}) => {
    const event = { ...ended(partnerId), ...fields }
    await transact(tx => tellPartner(tx, [event]))
    return (await sql<{ id: string }>('select id from deliveries where event_id = $1', event.id)).map(({ id }) => id)
  }
  const statusOf: Telling['statusOf'] = async id =>
    (await sql<{ status: string }>('select status from deliveries where id = $1', id))[0]?.status
  return {
    sql,
    end,
    statusOf,
    async tell(partnerId, fields) {
      const [id, ...others] = await end(partnerId, fields)
      if (id === undefined || others.length > 0) throw new Error(`${others.length} deliveries too many, or none`)
      return id
    },
    async partner(webhookUrl, { deleted = false } = {}) {
      const id = newId()
      await sql(
        `insert into partners (id, name, webhook_url, webhook_secret, created_at, updated_at, deleted_at)
         values ($1, 'Padaria', $2, $3, now(), now(), case when $4 then now() end)`,
        id,
        webhookUrl,
        secret,
        deleted,
      )
      return id
    },
    attemptsOf: id =>
      sql<Attempt & Record<string, unknown>>(
        `select number, url, started_at as "startedAt", ended_at as "endedAt", delivered, http_status as "httpStatus", error
         from delivery_attempts where delivery_id = $1 order by number`,
        id,
      ),
    becomes: (id, status) => waitUntil(`delivery ${id} is ${status}`, async () => (await statusOf(id)) === status),
  }
}

function ended(partnerId: string): EndedEvent {
  const outcome = { code: 'reserved', detail: 'The order is reserved.' }
  const named = { id: newId(), partnerId, partnerReference: 'pedido-1', kind: 'sale' }
  return { ...named, state: 'completed', outcome, orderId: newId(), updatedAt: new Date() }
}
