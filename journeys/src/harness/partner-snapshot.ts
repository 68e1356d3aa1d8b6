import type { Feira } from './feira.ts'

export interface PartnerEventRow {
  readonly id: string
  readonly partnerId: string
  readonly kind: string
  readonly state: string
  readonly orderId: string | null
  /** Whether its next attempt, or an answer, is expected. */
  readonly expected: boolean
  /** The states it passed through, in their order. */
  readonly steps: readonly string[]
}

/** An order that a partner's event placed. */
export interface PartnerOrderRow {
  readonly id: string
  readonly status: string
  readonly partnerId: string | null
  readonly eventId: string
}

export interface Partnership {
  readonly events: readonly PartnerEventRow[]
  readonly orders: readonly PartnerOrderRow[]
}

export async function takePartnership({ databases }: Feira): Promise<Partnership> {
  return {
    events: await databases.partners.rows(
      `select id, partner_id as "partnerId", kind, state, order_id as "orderId", due_at is not null as expected,
         array(select s.state from event_steps s where s.event_id = events.id order by s.number) as steps
       from events`,
    ),
    orders: await databases.orders.rows(
      `select id, status, origin_partner_id as "partnerId", origin_event_id as "eventId" from orders
       where origin_event_id is not null`,
    ),
  }
}
