import { setTimeout as sleep } from 'node:timers/promises'
import { rejections, type Query } from '@feira/chassis'
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
 * What was created a moment ago may still be on its way here. Polls, because it may arrive in another replica of the
 * service.
 * @returns a function that rejects with a 503 when 100 requests wait already.
 */
export function createWaitForArrival(query: Query): WaitForArrival {
  let waiting = 0
  return async awaited => {
    if (await areKnown(query, awaited)) return
    if (waiting >= maxWaiting) throw rejections.overloaded()
    waiting++
    try {
      const deadline = performance.now() + patience
      while (performance.now() < deadline) {
        await sleep(pause)
        if (await areKnown(query, awaited)) return
      }
    } finally {
      waiting--
    }
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
