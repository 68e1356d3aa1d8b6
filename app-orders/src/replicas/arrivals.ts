import { setTimeout as sleep } from 'node:timers/promises'
import { rejections, type Query } from '@feira/chassis'

const patience = 1_000
const pause = 25
const maxWaiting = 100

export interface Awaited {
  readonly userId?: string
  readonly productIds?: readonly string[]
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

async function areKnown(query: Query, { userId, productIds = [] }: Awaited): Promise<boolean> {
  const { rows } = await query<{ known: boolean }>({
    name: 'replicas-know',
    text: `select ($1::uuid is null or exists (select 1 from customers where id = $1))
             and (select count(*) from price_list where product_id = any($2::uuid[])) = cardinality($2::uuid[]) as known`,
    values: [userId ?? null, [...new Set(productIds)]],
  })
  return rows[0]?.known ?? false
}
