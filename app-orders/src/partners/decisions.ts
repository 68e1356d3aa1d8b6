import type { Cause, Received, Transaction } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
import { orderRefused, type partnerReturn, type partnerSale } from '@feira/contracts/orders'
import type { Refusal } from '../domain/sale.ts'

/** What a partner's event asks for. */
export type PartnerCommand = Received<typeof partnerSale> | Received<typeof partnerReturn>

export interface Claimed<Command> {
  /** Still to be decided, by this transaction alone: one command for each event. */
  readonly fresh: readonly Command[]
  /** Of events that were decided before, also a moment ago by another command of this batch. */
  readonly repeated: readonly Command[]
}

/**
 * Claims the events that commands are about, so that each is decided once, in whatever messages and to whatever replicas
 * its command comes. A transaction that holds the same event is waited for.
 */
export async function claimEvents<Command extends PartnerCommand>(
  { query }: Transaction,
  commands: readonly Command[],
): Promise<Claimed<Command>> {
  const { rows } = await query<{ event_id: string }>({
    name: 'claim-partner-events',
    // Sorted, so that replicas do not wait for each other in a circle.
    text: `insert into partner_decisions (event_id, decided_at)
           select distinct id, now() from unnest($1::uuid[]) as id order by id on conflict do nothing returning event_id`,
    values: [commands.map(eventOf)],
  })
  const claimed = new Set(rows.map(row => row.event_id))
  const fresh = commands.filter(command => claimed.delete(eventOf(command)))
  return { fresh, repeated: commands.filter(command => !fresh.includes(command)) }
}

/** An event as its id is stored and compared. */
export function eventOf({ data }: PartnerCommand): string {
  return data.eventId.toLowerCase()
}

/** Why a command is refused; `orderId` names the order that was to be returned. */
export interface RefusedCommand extends Refusal {
  readonly command: PartnerCommand
  readonly orderId?: string
}

/** Answers commands by `order.refused` and remembers what was said. */
export async function refuseCommands(tx: Transaction, refused: readonly RefusedCommand[]): Promise<void> {
  if (refused.length === 0) return
  const refusedAt = new Date().toISOString()
  const payloads = refused.map(({ command, orderId = null, code, detail }) => {
    return { causedBy: eventOf(command), orderId, code, detail, refusedAt }
  })
  await tx.query({
    name: 'note-refusals',
    text: `update partner_decisions set refusal = t.refusal from unnest($1::uuid[], $2::jsonb[]) as t (event_id, refusal)
           where partner_decisions.event_id = t.event_id`,
    values: [payloads.map(({ causedBy }) => causedBy), payloads.map(payload => JSON.stringify(payload))],
  })
  payloads.forEach((payload, index) => tx.publish(orderRefused, payload, { cause: refused[index]?.command as Cause }))
}

/**
 * Answers commands that were refused before by the same answer. One that was obeyed needs none: what the order said when
 * it obeyed is not lost.
 */
export async function repeatRefusals(tx: Transaction, repeated: readonly PartnerCommand[]): Promise<void> {
  if (repeated.length === 0) return
  const { rows } = await tx.query<{ refusal: Payload<typeof orderRefused> }>({
    name: 'refusals-before',
    text: 'select refusal from partner_decisions where event_id = any($1::uuid[]) and refusal is not null',
    values: [repeated.map(eventOf)],
  })
  const refusals = new Map(rows.map(({ refusal }) => [refusal.causedBy, refusal]))
  for (const command of repeated) {
    const refusal = refusals.get(eventOf(command))
    if (refusal) tx.publish(orderRefused, refusal, { cause: command })
  }
}
