import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { MailServer } from '@feira/local/src/mail/index.ts'
import type { Customers } from './customers.ts'
import type { DatabaseWatch } from './database-watch.ts'
import type { Feira } from './feira.ts'
import { unhandled } from './message-invariants.ts'
import { consumerQueues } from './queues.ts'
import { violationsOfShop, type Known } from './shop-invariants.ts'
import { takeMessages, takeShopSnapshot, type ShopSnapshot } from './shop-snapshot.ts'
import type { Shop } from './shop.ts'
import { until } from './until.ts'

export interface VerifyShopOptions extends Known {
  readonly shop: Shop
  readonly mail: MailServer
  /** Those who placed all orders there are, if these have noted what they did. */
  readonly customers?: Customers | undefined
  readonly watches?: readonly DatabaseWatch[] | undefined
  /** Milliseconds until the shop must be at rest. */
  readonly within?: number
}

/**
 * Waits until the whole shop is at rest and holds every invariant against what it remembers.
 * @returns what that is.
 * @throws AssertionError naming the violations.
 */
export async function verifyShop(feira: Feira, options: VerifyShopOptions): Promise<ShopSnapshot> {
  const { shop, mail, customers, watches = [], within = 60_000 } = options
  const rest = await until('the shop is at rest', () => isAtRest(feira), within)
    .then(() => until('everybody sees the stock as it is', () => showsStock(feira, shop), 10_000))
    .then(
      () => [],
      (error: Error) => [error.message],
    )
  const snapshot = await takeShopSnapshot(feira, { shop, mail, wishes: customers?.wishes })
  const found = [...rest, ...watches.flatMap(watch => watch.found), ...violationsOfShop(snapshot, options)]
  const more = found.length > 20 ? [`… and ${found.length - 20} more`] : []
  assert.deepEqual([...found.slice(0, 20), ...more], [])
  return snapshot
}

// A message in a consumer's hands is in no queue and in no table, so each must have been seen to its end.
async function isAtRest(feira: Feira): Promise<boolean> {
  if (!(await nothingWaits(feira))) return false
  const queues = consumerQueues(feira.services)
  const messages = await takeMessages(feira)
  return unhandled({ ...messages, queues, foreign: feira.broker.published }).length === 0
}

async function nothingWaits({ databases, broker, queues }: Feira): Promise<boolean> {
  for (const database of Object.values(databases)) {
    const [row] = await database.rows<{ n: number }>(
      'select count(*)::int as n from chassis.outbox where published_at is null and unrouted_at is null',
    )
    if (row?.n !== 0) return false
  }
  const [unsent] = await databases.notifications.rows<{ n: number }>(
    `select count(*)::int as n from notifications where status = 'pending'`,
  )
  const [waiting] = await databases.partners.rows<{ n: number }>(
    `select count(*)::int as n from events where state not in ('completed', 'refused', 'dead')`,
  )
  return unsent?.n === 0 && waiting?.n === 0 && [...(await broker.depths(queues)).values()].every(depth => depth === 0)
}

// Products are read through caches, and whoever dies tells nobody what to forget: then they are wrong for CACHE_TTL.
async function showsStock({ databases }: Feira, shop: Shop): Promise<boolean> {
  const rows = await databases.products.rows<{ id: string; stock: number; reserved: number }>(
    'select id, available::int as stock, reserved::int from products where deleted_at is null order by id',
  )
  const shown = (await shop.all('/products')).toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))
  return isDeepStrictEqual(
    shown.map(({ id, stock, reserved }) => ({ id, stock, reserved })),
    rows,
  )
}
