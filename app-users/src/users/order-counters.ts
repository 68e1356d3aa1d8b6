import type { Transaction } from '@feira/chassis'
import { eq, inArray, ne, sql } from 'drizzle-orm'
import { recount, type KnownOrder, type OrderState, type Tally } from '../domain/order-tally.ts'
import { nobody } from '../domain/user.ts'
import { orderCounters, userOrders, userTombstones } from '../schema.ts'

/** Stores what is newer of these orders, and brings the sums of their users up to date. */
export async function countOrders(tx: Transaction, incoming: readonly OrderState[]): Promise<void> {
  const states = await withoutErased(tx, incoming)
  const { newer, additions } = recount(await lockOrders(tx, states), states)
  await storeOrders(tx, newer)
  await addToCounters(tx, additions)
}

/** Counts the orders of a user for nobody from now on. */
export async function disownOrders(tx: Transaction, userId: string): Promise<void> {
  await tx.db.update(userOrders).set({ userId: nobody }).where(eq(userOrders.userId, userId))
  const [counted] = await tx.db.delete(orderCounters).where(eq(orderCounters.userId, userId)).returning()
  if (counted) await addToCounters(tx, new Map([[nobody, counted]]))
}

// Events about somebody who was erased may still arrive.
async function withoutErased({ db }: Transaction, states: readonly OrderState[]): Promise<OrderState[]> {
  const ids = [...new Set(states.flatMap(({ userId }) => userId ?? []))]
  if (ids.length === 0) return [...states]
  const rows = await db.select({ id: userTombstones.id }).from(userTombstones).where(inArray(userTombstones.id, ids))
  const erased = new Set(rows.map(({ id }) => id))
  return states.map(state => (state.userId && erased.has(state.userId) ? { ...state, userId: nobody } : state))
}

// New orders get an empty row first: two replicas that hear of the same order must wait for each other.
async function lockOrders({ db }: Transaction, states: readonly OrderState[]): Promise<Map<string, KnownOrder>> {
  const ids = [...new Set(states.map(({ orderId }) => orderId))].toSorted()
  const empty = ids.map(orderId => ({ orderId, userId: nobody, version: 0, status: '', totalCents: 0 }))
  await db.insert(userOrders).values(empty).onConflictDoNothing()
  const rows = await db
    .select()
    .from(userOrders)
    .where(inArray(userOrders.orderId, ids))
    .orderBy(userOrders.orderId)
    .for('update')
  return new Map(rows.filter(({ version }) => version > 0).map(row => [row.orderId, row]))
}

async function storeOrders({ db }: Transaction, orders: readonly KnownOrder[]): Promise<void> {
  if (orders.length === 0) return
  const set = {
    userId: sql`excluded.user_id`,
    version: sql`excluded.version`,
    status: sql`excluded.status`,
    totalCents: sql`excluded.total_cents`,
  }
  await db
    .insert(userOrders)
    .values([...orders])
    .onConflictDoUpdate({ target: userOrders.orderId, set, setWhere: ne(userOrders.version, sql`excluded.version`) })
}

async function addToCounters({ db }: Transaction, additions: ReadonlyMap<string, Tally>): Promise<void> {
  const rows = [...additions].map(([userId, { count, completed, spentCents }]) => ({
    userId,
    count,
    completed,
    spentCents,
    revision: 1,
  }))
  const changing = rows.filter(({ count, completed, spentCents }) => count !== 0 || completed !== 0 || spentCents !== 0)
  if (changing.length === 0) return
  const plus = (column: string) => sql`order_counters.${sql.identifier(column)} + excluded.${sql.identifier(column)}`
  const set = {
    count: plus('count'),
    completed: plus('completed'),
    spentCents: plus('spent_cents'),
    revision: plus('revision'),
  }
  // In one order, so that two batches with the same users wait for each other.
  const sorted = changing.toSorted((a, b) => (a.userId < b.userId ? -1 : 1))
  await db.insert(orderCounters).values(sorted).onConflictDoUpdate({ target: orderCounters.userId, set })
}
