import { newId, type Environment } from '@feira/chassis'
import { asAdmin, asPartner, startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import type { Payload } from '@feira/contracts'
import {
  orderCancelled,
  orderCreated,
  orderRefunded,
  orderRefused,
  orderReserved,
  partnerReturn,
  partnerSale,
} from '@feira/contracts/orders'
import { partnerStockUpdate, stockAdjusted } from '@feira/contracts/products'
import type { EventState, Outcome } from '../domain/event.ts'
import type { EventView } from '../event-view.ts'
import { service } from '../service.ts'

type Headers = Readonly<Record<string, string>>
type Inject = ReturnType<TestService['http']['inject']> & Promise<Answer>
export type Answer = Awaited<ReturnType<TestService['http']['inject']>>

export interface WholeEvent extends EventView {
  readonly history: { readonly status: EventState; readonly detail: string | null; readonly at: string }[]
}

/** The service with partners who send events, and with the answers of its neighbours, for tests. */
export interface Intake extends TestService {
  send(method: 'GET' | 'POST', path: string, payload?: unknown, headers?: Headers): Inject
  post(payload: unknown, headers?: Headers): Inject
  /** Sends an event that is accepted. @returns its id. */
  accepted(payload: unknown, headers?: Headers): Promise<string>
  /** The event as an admin reads it. */
  read(id: string): Promise<WholeEvent>
  /** The states it went through. */
  history(id: string): Promise<EventState[]>
  /** Waits until an event is in a state, and reads it. */
  becomes(id: string, state: EventState): Promise<WholeEvent>
  /** The commands that an event led to. */
  commandsOf(id: string): Promise<{ type: string; payload: Record<string, unknown> }[]>
  /** Answers a sale as app-orders would. @returns the id of its order. */
  placed(id: string, orderId?: string): Promise<string>
  reserved(id: string, orderId?: string, fields?: object): Promise<string>
  cancelled(fields: Partial<Payload<typeof orderCancelled>>): Promise<string>
  refunded(fields: Partial<Payload<typeof orderRefunded>>): Promise<string>
  refused(id: string, outcome?: Outcome): Promise<string>
  adjusted(id: string): Promise<string>
  /** A sale that is done. @returns the ids of event and order. */
  sold(headers?: Headers): Promise<{ id: string; orderId: string }>
}

export const admin = asAdmin()

export const aSale = { tipo: 'VENDA', dados: { produto_id: 'CAFE-250', quantidade: 2, valor: 59.98 } } as const
export const aStockUpdate = { tipo: 'ATUALIZAÇÃO_ESTOQUE', dados: { produto_id: 'CAFE-250', quantidade: 40 } } as const
export const aReturn = (venda_id: string) => ({ tipo: 'DEVOLUÇÃO', dados: { venda_id, motivo: 'arrived broken' } })

const commands = [partnerSale, partnerReturn, partnerStockUpdate].map(({ type }) => type)

/** Starts it with answers awaited for a minute, unless told otherwise, and pauses between attempts that a test can wait for. */
export async function startIntake(env: Environment = {}): Promise<Intake> {
  const running = await startTestService(service, {
    OUTBOX_POLL_INTERVAL: '50ms',
    RETRY_DELAYS: '50ms,200ms,500ms',
    PARTNER_RETRY_DELAYS: '20ms,40ms,80ms',
    PARTNER_LIMIT_PER_MINUTE: '1000000',
    PARTNER_LIMIT_PER_SECOND: '100000',
    ...env,
  })
  const send: Intake['send'] = (method, path, payload, headers = asPartner()) =>
    running.http.inject({
      method,
      url: `/events${path}`,
      headers,
      ...(payload === undefined ? {} : { payload: payload as object }),
    }) as Inject
  const read: Intake['read'] = async id => (await send('GET', `/${id}`, undefined, admin)).json<WholeEvent>()
  const order = (eventId: string | null, orderId: string) => ({
    orderId,
    origin: eventId === null ? null : { partnerId: newId(), eventId },
  })
  const intake: Intake = {
    ...running,
    send,
    read,
    post: (payload, headers) => send('POST', '', payload, headers),
    async accepted(payload, headers) {
      const answer = await send('POST', '', payload, headers)
      if (answer.statusCode !== 202) throw new Error(answer.body)
      return answer.json<{ id: string }>().id
    },
    history: async id => (await read(id)).history.map(({ status }) => status),
    async becomes(id, state) {
      await waitUntil(`event ${id} is ${state}`, async () => (await read(id)).status === state)
      return read(id)
    },
    async commandsOf(id) {
      const { rows } = await running.resources.query<{ type: string; payload: Record<string, unknown> }>({
        text: `select type, payload from chassis.outbox where aggregate_id = $1 and type = any($2) order by id`,
        values: [id, commands],
      })
      return rows
    },
    async placed(id, orderId = newId()) {
      await running.deliver(orderCreated, { ...orderCreated.example, ...order(id, orderId) })
      return orderId
    },
    async reserved(id, orderId = newId(), fields = {}) {
      await running.deliver(orderReserved, { ...orderReserved.example, ...order(id, orderId), ...fields })
      return orderId
    },
    cancelled: fields => running.deliver(orderCancelled, { ...orderCancelled.example, ...fields }),
    refunded: fields => running.deliver(orderRefunded, { ...orderRefunded.example, ...fields }),
    refused: (id, outcome = { code: 'price-changed', detail: 'It costs more.' }) =>
      running.deliver(orderRefused, { ...orderRefused.example, causedBy: id, ...outcome }),
    adjusted: id => running.deliver(stockAdjusted, { ...stockAdjusted.example, causedBy: id }),
    async sold(headers) {
      const id = await intake.accepted(aSale, headers)
      await intake.becomes(id, 'distributed')
      return { id, orderId: await intake.reserved(id) }
    },
  }
  return intake
}
