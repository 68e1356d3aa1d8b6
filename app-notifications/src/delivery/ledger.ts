import type { Database, Transaction } from '@feira/chassis'
import { and, eq, isNotNull, isNull, ne, or, sql } from 'drizzle-orm'
import type { Outcome } from '../domain/notification.ts'
import { deliveryAttempts, notifications } from '../schema.ts'

export type Notification = typeof notifications.$inferSelect

/** What a work message says of its notification. */
export interface Order extends Pick<
  Notification,
  'id' | 'channel' | 'priority' | 'userId' | 'orderId' | 'recipient' | 'subject' | 'text' | 'html'
> {}

/** Makes the row of a notification that somebody else asked for; one that is known stays as it is. */
export async function noteOrder({ db }: Transaction, order: Order): Promise<void> {
  const now = new Date()
  const row = { ...order, status: 'pending' as const, createdAt: now, updatedAt: now }
  await db.insert(notifications).values(row).onConflictDoNothing()
}

/**
 * Takes a notification for one message to work on, and notes the attempt.
 * @returns `undefined` when there is nothing to do: it was sent, it was erased, or another message is about the same one.
 */
export async function beginAttempt(
  { db }: Transaction,
  order: Order,
  workId: string,
): Promise<Notification | undefined> {
  const now = new Date()
  const [taken] = await db
    .update(notifications)
    .set({
      status: 'pending',
      workId,
      attempts: sql`${notifications.attempts} + 1`,
      revision: sql`${notifications.revision} + 1`,
      updatedAt: now,
    })
    .where(
      and(
        eq(notifications.id, order.id),
        eq(notifications.channel, order.channel),
        ne(notifications.status, 'sent'),
        isNotNull(notifications.recipient),
        // Whoever was given up may be taken over: by the replay of its message, or by a new one.
        or(isNull(notifications.workId), eq(notifications.workId, workId), eq(notifications.status, 'failed')),
      ),
    )
    .returning()
  if (!taken) return undefined
  await db.insert(deliveryAttempts).values({ notificationId: taken.id, number: taken.attempts, startedAt: now })
  return taken
}

/** Notes how an attempt ended that did not hand the notification over, or perhaps not. */
export async function noteFailure(
  { db }: Transaction,
  { id, attempts }: Pick<Notification, 'id' | 'attempts'>,
  outcome: Exclude<Outcome, 'sent'>,
  error: string,
): Promise<void> {
  await noteError(db, { id, attempts }, { outcome, error })
}

/** Notes that nobody could take a notification, and leaves it to the next message about it. */
export async function releaseNotification(
  { db }: Transaction,
  { id, attempts }: Pick<Notification, 'id' | 'attempts'>,
  error: string,
): Promise<Notification> {
  return noteError(db, { id, attempts }, { outcome: 'failed', error }, { workId: null })
}

/** Notes that a notification was handed over. */
export async function noteSent(
  { db }: Transaction,
  { id, attempts }: Pick<Notification, 'id' | 'attempts'>,
): Promise<Notification & { readonly sentAt: Date }> {
  const sentAt = new Date()
  const [row = disappeared(id)] = await db
    .update(notifications)
    .set({ status: 'sent', sentAt, lastError: null, version: sql`${notifications.version} + 1`, ...changed() })
    .where(eq(notifications.id, id))
    .returning()
  await endAttempt(db, id, attempts, { outcome: 'sent', error: null })
  return { ...row, sentAt }
}

/** Notes that a notification will not be sent, unless its message is replayed. @returns `undefined` when it is not pending. */
export async function noteFailed(
  { db }: Transaction,
  order: Order,
  workId: string,
  error: string,
): Promise<(Notification & { readonly failedAt: Date }) | undefined> {
  const failedAt = new Date()
  const lastError = unlessErased(error)
  const [row] = await db
    .update(notifications)
    .set({ status: 'failed', failedAt, lastError, version: sql`${notifications.version} + 1`, ...changed() })
    .where(
      and(
        eq(notifications.id, order.id),
        eq(notifications.channel, order.channel),
        eq(notifications.status, 'pending'),
        or(isNull(notifications.workId), eq(notifications.workId, workId)),
      ),
    )
    .returning()
  return row && { ...row, failedAt }
}

/** The notification first: erasure locks it, so that an attempt never gets to quote somebody whom it has passed. */
async function noteError(
  db: Database,
  { id, attempts }: Pick<Notification, 'id' | 'attempts'>,
  end: { readonly outcome: Outcome; readonly error: string },
  more: { readonly workId?: null } = {},
): Promise<Notification> {
  const [row = disappeared(id)] = await db
    .update(notifications)
    .set({ lastError: unlessErased(end.error), ...more, ...changed() })
    .where(eq(notifications.id, id))
    .returning()
  await endAttempt(db, id, attempts, { ...end, error: row.recipient === null ? null : end.error })
  return row
}

// What a mail server says quotes the recipient: of an erased one nothing is kept.
function unlessErased(error: string) {
  return sql`case when ${notifications.recipient} is null then ${notifications.lastError} else ${error} end`
}

function disappeared(id: string): never {
  throw new Error(`notification ${id} has disappeared`)
}

function changed() {
  return { revision: sql`${notifications.revision} + 1`, updatedAt: new Date() }
}

async function endAttempt(
  db: Database,
  id: string,
  number: number,
  end: { readonly outcome: Outcome; readonly error: string | null },
): Promise<void> {
  await db
    .update(deliveryAttempts)
    .set({ ...end, endedAt: new Date() })
    .where(and(eq(deliveryAttempts.notificationId, id), eq(deliveryAttempts.number, number)))
}
