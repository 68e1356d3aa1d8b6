import type { Received, Transaction } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
import { stockAdjusted, stockAdjustmentRefused, type partnerStockUpdate } from '@feira/contracts/products'

export type UpdateCommand = Received<typeof partnerStockUpdate>

/** What is said to an event of a partner: one of the two. */
interface Said {
  readonly adjusted: Payload<typeof stockAdjusted> | null
  readonly refused: Payload<typeof stockAdjustmentRefused> | null
}

export interface Answer extends Said {
  readonly command: UpdateCommand
}

export interface Claimed {
  /** Still to be decided, by this transaction alone: one command for each event. */
  readonly fresh: readonly UpdateCommand[]
  /** Of events that were decided before, also a moment ago by another command of this batch. */
  readonly repeated: readonly UpdateCommand[]
}

/**
 * Claims the events that commands are about, so that each is decided once, in whatever messages and to whatever replicas
 * its command comes. A transaction that holds the same event is waited for. Events are locked before products.
 */
export async function claimEvents({ query }: Transaction, commands: readonly UpdateCommand[]): Promise<Claimed> {
  const { rows } = await query<{ event_id: string }>({
    name: 'claim-partner-events',
    // Sorted, so that replicas do not wait for each other in a circle.
    text: `insert into partner_answers (event_id) select distinct id from unnest($1::uuid[]) as id order by id
           on conflict do nothing returning event_id`,
    values: [commands.map(eventOf)],
  })
  const claimed = new Set(rows.map(row => row.event_id))
  const fresh = commands.filter(command => claimed.delete(eventOf(command)))
  return { fresh, repeated: commands.filter(command => !fresh.includes(command)) }
}

/** An event as its id is stored and compared. */
export function eventOf({ data }: UpdateCommand): string {
  return data.eventId.toLowerCase()
}

interface Adjusted {
  readonly id: string
  readonly sku: string
  readonly available: number
}

export function adjusted(command: UpdateCommand, { id, sku, available }: Adjusted, at: Date): Answer {
  const said = { causedBy: eventOf(command), productId: id, sku, available, adjustedAt: at.toISOString() }
  return { command, adjusted: said, refused: null }
}

/**
 * @param code stable, kebab-case: partners branch on it.
 * @param detail one sentence for people.
 */
export function refused(command: UpdateCommand, code: string, detail: string, at: Date): Answer {
  return { command, adjusted: null, refused: { causedBy: eventOf(command), code, detail, refusedAt: at.toISOString() } }
}

/** Gives answers and remembers them. */
export async function storeAnswers(tx: Transaction, answers: readonly Answer[]): Promise<void> {
  if (answers.length === 0) return
  const textOf = (payload: object | null) => payload && JSON.stringify(payload)
  await tx.query({
    name: 'store-partner-answers',
    text: `update partner_answers set adjusted = t.adjusted, refused = t.refused
           from unnest($1::uuid[], $2::jsonb[], $3::jsonb[]) as t (event_id, adjusted, refused)
           where partner_answers.event_id = t.event_id`,
    values: [
      answers.map(({ command }) => eventOf(command)),
      answers.map(answer => textOf(answer.adjusted)),
      answers.map(answer => textOf(answer.refused)),
    ],
  })
  for (const { command, ...said } of answers) say(tx, command, said)
}

/** Answers commands about events that were decided before by the same answer. */
export async function repeatAnswers(tx: Transaction, repeated: readonly UpdateCommand[]): Promise<void> {
  if (repeated.length === 0) return
  const { rows } = await tx.query<Said & { event_id: string }>({
    name: 'partner-answers-before',
    text: 'select event_id, adjusted, refused from partner_answers where event_id = any($1::uuid[])',
    values: [repeated.map(eventOf)],
  })
  const said = new Map(rows.map(row => [row.event_id, row]))
  for (const command of repeated) say(tx, command, said.get(eventOf(command)))
}

function say(tx: Transaction, command: UpdateCommand, said: Said | undefined): void {
  if (said?.adjusted) tx.publish(stockAdjusted, said.adjusted, { cause: command })
  if (said?.refused) tx.publish(stockAdjustmentRefused, said.refused, { cause: command })
}
