import type { Transaction } from '@feira/chassis'
import { and, eq, isNull, max, ne } from 'drizzle-orm'
import { deliveries, deliveryAttempts, partners } from '../schema.ts'
import type { WebhookRequest } from './sender.ts'

/** What is to be said, to whom. */
export interface Job extends WebhookRequest {
  readonly partnerId: string
}

/** One attempt, and how it ended. */
export interface Ended {
  readonly deliveryId: string
  readonly number: number
  readonly httpStatus: number | null
  /** Null when it delivered. */
  readonly error: string | null
}

/**
 * What there is to do for a delivery, by what the partner wants now.
 * @returns `undefined` when it was delivered, or the partner is gone or wants no webhooks any more; then it has failed.
 */
export async function readJob(tx: Transaction, deliveryId: string): Promise<Job | undefined> {
  const [row] = await tx.db
    .select({ body: deliveries.body, partnerId: partners.id, url: partners.webhookUrl, secret: partners.webhookSecret })
    .from(deliveries)
    .leftJoin(partners, and(eq(partners.id, deliveries.partnerId), isNull(partners.deletedAt)))
    .where(and(eq(deliveries.id, deliveryId), ne(deliveries.status, 'delivered')))
  if (!row) return undefined
  const { body, partnerId, url, secret } = row
  if (body !== null && partnerId !== null && url !== null && secret !== null)
    return { deliveryId, partnerId, url, secret, body: JSON.stringify(body) }
  await noteFailed(tx, deliveryId)
  return undefined
}

/** Notes an attempt before it is made. @returns its number, 1 for the first. */
export async function beginAttempt({ db }: Transaction, { deliveryId, url }: Job): Promise<number> {
  // The row is locked first: a replica that takes this one for dead may begin at the same moment.
  await db.update(deliveries).set({ status: 'pending', updatedAt: new Date() }).where(eq(deliveries.id, deliveryId))
  const [before] = await db
    .select({ number: max(deliveryAttempts.number) })
    .from(deliveryAttempts)
    .where(eq(deliveryAttempts.deliveryId, deliveryId))
  const number = (before?.number ?? 0) + 1
  await db.insert(deliveryAttempts).values({ deliveryId, number, url: shown(url), startedAt: new Date() })
  return number
}

/** Notes how an attempt ended. */
export async function endAttempt({ db }: Transaction, { deliveryId, number, httpStatus, error }: Ended): Promise<void> {
  await db
    .update(deliveryAttempts)
    .set({ endedAt: new Date(), delivered: error === null, httpStatus, error })
    .where(and(eq(deliveryAttempts.deliveryId, deliveryId), eq(deliveryAttempts.number, number)))
}

/** Notes that a delivery has reached its partner. */
export async function noteDelivered({ db }: Transaction, deliveryId: string): Promise<void> {
  await db.update(deliveries).set({ status: 'delivered', updatedAt: new Date() }).where(eq(deliveries.id, deliveryId))
}

/** Notes that a delivery will not be tried again, unless its message is replayed. */
export async function noteFailed({ db }: Transaction, deliveryId: string): Promise<void> {
  await db
    .update(deliveries)
    .set({ status: 'failed', updatedAt: new Date() })
    .where(and(eq(deliveries.id, deliveryId), ne(deliveries.status, 'delivered')))
}

// Queries are where tokens travel.
function shown(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
