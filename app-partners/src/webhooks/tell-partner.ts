import { newId, type Cause, type Transaction } from '@feira/chassis'
import { partnersWebhook } from '@feira/contracts/partners'
import type { events } from '../schema.ts'
import { nameOf } from '../strategies/index.ts'

/** What a webhook says of an event: a row of `events`, or as much of it. */
export type EndedEvent = Pick<
  typeof events.$inferSelect,
  'id' | 'partnerId' | 'partnerReference' | 'kind' | 'state' | 'outcome' | 'orderId' | 'updatedAt'
> & {
  /** The message that led to the end; a `consumeBatch` handler names it. */
  readonly cause?: Cause
}

const typeOf = { completed: 'event.completed', refused: 'event.refused', dead: 'event.dead' } as const

/**
 * Leaves word for the partners of events that have reached an end: a delivery each, and the order to make it. Nothing for
 * a partner without webhook, or a deleted one.
 * @throws when an event has not reached an end.
 */
export async function tellPartner(tx: Transaction, ended: readonly EndedEvent[]): Promise<void> {
  if (ended.length === 0) return
  const told = ended.map(event => ({ ...toDelivery(event), cause: event.cause }))
  const rows = told.map(({ id, eventId, partnerId, type, body }) => ({ id, eventId, partnerId, type, body }))
  const { rows: wanted } = await tx.query<{ id: string }>({
    name: 'insert-deliveries',
    text: `insert into deliveries (id, event_id, partner_id, type, body, status, created_at, updated_at)
           select d.id, d."eventId", d."partnerId", d.type, d.body, 'pending', $2::timestamptz, $2::timestamptz
           from jsonb_to_recordset($1::jsonb) as d (id uuid, "eventId" uuid, "partnerId" uuid, type text, body jsonb)
           join partners p on p.id = d."partnerId"
           where p.webhook_url is not null and p.webhook_secret is not null and p.deleted_at is null
           returning id`,
    values: [JSON.stringify(rows), new Date()],
  })
  const ids = new Set(wanted.map(({ id }) => id))
  for (const { id: deliveryId, eventId, partnerId, cause } of told) {
    if (ids.has(deliveryId)) tx.publish(partnersWebhook, { deliveryId, eventId, partnerId }, cause ? { cause } : {})
  }
}

/** The body is as https://www.standardwebhooks.com wants it: type, timestamp, data. */
function toDelivery(event: EndedEvent) {
  const { id: eventId, partnerId, partnerReference, kind, state, outcome, orderId, updatedAt } = event
  if (!isEnd(state)) throw new Error(`event ${eventId} is ${state}, which is no end to tell of`)
  const type = typeOf[state]
  const data = {
    id: eventId,
    tipo: nameOf(kind),
    evento_id: partnerReference,
    status: state,
    outcome,
    orderId,
  }
  return { id: newId(), eventId, partnerId, type, body: { type, timestamp: updatedAt.toISOString(), data } }
}

function isEnd(state: string): state is keyof typeof typeOf {
  return state in typeOf
}
