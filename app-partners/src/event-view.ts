import { z } from 'zod'
import { eventStates } from './domain/event.ts'
import type { EventRow } from './schema.ts'
import { nameOf } from './strategies/index.ts'

const status = z.enum(eventStates)

const outcomeView = z
  .object({ code: z.string().describe('stable, e.g. `reserved`, `price-changed`'), detail: z.string() })
  .meta({ id: 'Outcome' })

/** An event as lists show it. */
export const eventView = z
  .object({
    id: z.uuid(),
    partnerId: z.uuid(),
    evento_id: z.string().nullable().describe('what the partner calls it'),
    tipo: z.string(),
    dados: z.record(z.string(), z.unknown()).nullable().describe('as it was sent; null once the partner is erased'),
    status,
    attempts: z.int().describe('begun since it arrived or was retried by hand'),
    orderId: z.uuid().nullable().describe('the order that it placed or returned'),
    outcome: outcomeView.nullable().describe('what it came to: completed, refused and dead have one'),
    version: z.int(),
    receivedAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    settledAt: z.iso.datetime().nullable().describe('when it first was completed, refused or dead'),
  })
  .meta({ id: 'Event' })

export type EventView = z.infer<typeof eventView>

/** How far an event is, and no more. */
export const statusView = eventView
  .pick({ id: true, status: true, attempts: true, orderId: true, outcome: true, version: true, updatedAt: true })
  .meta({ id: 'EventStatus' })

/** The answer to whoever sent an event, or asked to have one retried. */
export const takenView = z.object({ id: z.uuid(), status }).meta({ id: 'TakenEvent' })

export function toView(row: EventRow): EventView {
  const { id, partnerId, partnerReference, kind, data, receivedAt, settledAt } = row
  return {
    ...toStatusView(row),
    id,
    partnerId,
    evento_id: partnerReference,
    tipo: nameOf(kind),
    dados: data,
    receivedAt: receivedAt.toISOString(),
    settledAt: settledAt && settledAt.toISOString(),
  }
}

export function toStatusView(row: EventRow): z.infer<typeof statusView> {
  const { id, state, attempts, orderId, outcome, version, updatedAt } = row
  return { id, status: state, attempts, orderId, outcome, version, updatedAt: updatedAt.toISOString() }
}
