import { eq, type SQL } from 'drizzle-orm'
import { timeline } from '../schema.ts'

/** Which part of the timeline somebody follows. */
export interface Topic {
  readonly name: string
  /** What its rows have in common; undefined for all of them. */
  readonly condition: SQL | undefined
}

const everythingName = 'everything'
const orderName = (orderId: string) => `order ${orderId}`
const userName = (userId: string) => `user ${userId}`

export const everything: Topic = { name: everythingName, condition: undefined }

export function ofOrder(orderId: string): Topic {
  return { name: orderName(orderId), condition: eq(timeline.orderId, orderId) }
}

export function ofUser(userId: string): Topic {
  return { name: userName(userId), condition: eq(timeline.userId, userId) }
}

/** The names of the topics that a row belongs to. */
export function topicsOf({ orderId, userId }: typeof timeline.$inferSelect): string[] {
  return [everythingName, orderName(orderId), ...(userId === null ? [] : [userName(userId)])]
}
