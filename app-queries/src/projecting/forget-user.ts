import type { Query, Transaction } from '@feira/chassis'
import type { Model } from './models.ts'

/** What was known of a person. */
export interface Forgotten {
  /** Of their orders, and of what they were told about. */
  readonly orderIds: readonly string[]
  /** E-mail addresses and telephone numbers. */
  readonly texts: readonly string[]
}

/** Blanks a person in the models; ids and amounts stay. Once that is done, it does nothing. */
export async function forgetUser({ query }: Transaction, models: readonly Model[], userId: string): Promise<Forgotten> {
  const found: Found[] = []
  for (const model of models) found.push(...(await blankTheirs(query, model, userId)))
  const texts = [...new Set(found.flatMap(({ text }) => text ?? []))]
  for (const model of models) found.push(...(await blankUnnamed(query, model, texts)))
  return { texts, orderIds: [...new Set(found.flatMap(({ order_id }) => order_id ?? []))] }
}

interface Found extends Record<string, unknown> {
  readonly text: string | null
  readonly order_id: string | null
}

// In the order in which every other transaction writes these tables and their rows. Only for one person: many who are
// erased in one batch can meet a projection in a circle, and PostgreSQL then has one of the two begin again.
async function blankTheirs(query: Query, model: Model, userId: string): Promise<Found[]> {
  const found: Found[] = []
  for (const text of [usersOf(model), ordersOf(model), notificationsOf(model, 'user_id = $1')])
    found.push(...(await query<Found>({ text, values: [userId] })).rows)
  return found
}

/** What went to their address without anybody saying whose it is. */
async function blankUnnamed(query: Query, model: Model, texts: readonly string[]): Promise<Found[]> {
  if (texts.length === 0) return []
  const unnamed = notificationsOf(model, 'user_id is null and recipient = any($1::text[])')
  return (await query<Found>({ text: unnamed, values: [texts] })).rows
}

const usersOf = (model: Model) => `
  with theirs as (
    select id, email from ${model}.users where id = $1 and (name is not null or email is not null) for update)
  update ${model}.users set name = null, email = null from theirs where users.id = theirs.id
  returning theirs.email as text, null as order_id`

const ordersOf = (model: Model) => `
  with theirs as (
    select id, customer_email from ${model}.orders
    where user_id = $1 and (customer_name is not null or customer_email is not null) order by id for update)
  update ${model}.orders set customer_name = null, customer_email = null from theirs where orders.id = theirs.id
  returning theirs.customer_email as text, theirs.id as order_id`

const notificationsOf = (model: Model, whose: string) => `
  with theirs as (
    select id, recipient from ${model}.notifications where ${whose} and recipient is not null order by id for update)
  update ${model}.notifications set recipient = null from theirs where notifications.id = theirs.id
  returning theirs.recipient as text, notifications.order_id`
