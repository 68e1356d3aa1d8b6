import { setTimeout as sleep } from 'node:timers/promises'
import { limitConcurrency, type Query } from '@feira/chassis'
import { readNames } from './product-lookup.ts'

const patience = 1_000
const pause = 25
const maxWaiting = 100

export interface Awaited {
  readonly userId?: string
  readonly productIds?: readonly string[]
  /** A product by its id or its SKU. */
  readonly productName?: string
}

/** Waits until the replicas know users and products, at most 1 s; whether they do by then is for the caller to see. */
export type WaitForArrival = (awaited: Awaited) => Promise<void>

/**
 * What was created a moment ago may still be on its way here.
 * @returns a function that rejects with a 503 when 100 requests wait already.
 */
export function createWaitForArrival(query: Query): WaitForArrival {
  const limited = limitConcurrency(maxWaiting, 0)
  return async awaited => {
    if (!(await areKnown(query, awaited))) await limited(() => untilKnown(query, awaited))
  }
}

/** The same for whoever waits in a queue of their own, and not in anybody's request. */
export async function waitForArrival(query: Query, awaited: Awaited): Promise<void> {
  if (!(await areKnown(query, awaited))) await untilKnown(query, awaited)
}

// Polls, because it may arrive in another replica of the service.
async function untilKnown(query: Query, awaited: Awaited): Promise<void> {
  const deadline = performance.now() + patience
  while (performance.now() < deadline) {
    await sleep(pause)
    if (await areKnown(query, awaited)) return
  }
}

async function areKnown(query: Query, { userId, productIds = [], productName }: Awaited): Promise<boolean> {
  const { ids, skus } = readNames(productName === undefined ? [] : [productName])
  const { rows } = await query<{ known: boolean }>({
    name: 'replicas-know',
    text: `select ($1::uuid is null or exists (select 1 from customers where id = $1))
             and (select count(*) from price_list where product_id = any($2::uuid[])) = cardinality($2::uuid[])
             and ($4::text is null or exists (select 1 from price_list where product_id = $3::uuid or sku = $4)) as known`,
    values: [userId ?? null, [...new Set(productIds)], ids[0] ?? null, skus[0] ?? null],
  })
  return rows[0]?.known ?? false
}
