import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { Rounds } from './order-throughput.ts'
import type { BenchSystem } from './system.ts'

/**
 * How long after an order's answer its invoice is committed, at a steady rate of orders. The invoices' table is asked as
 * often as it answers, so a figure is too high by up to one such question, never too low.
 */
export async function measureInvoiceLag(system: BenchSystem, { rounds, seconds }: Rounds): Promise<void> {
  console.log('order answered → invoice committed')
  await lags(system, 100, 2)
  for (const rate of [20, 500]) {
    const all: number[] = []
    for (let round = 0; round < rounds; round++) all.push(...(await lags(system, rate, seconds)))
    const sorted = all.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(1)
    console.log(
      `  ${String(rate).padStart(3)} orders/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${sorted.length} orders)`,
    )
  }
}

async function lags(
  { ordersUrl, customer, invoicesDatabase }: BenchSystem,
  rate: number,
  seconds: number,
): Promise<number[]> {
  const answeredAt = new Map<string, number>()
  const found: number[] = []
  let placing = true
  const watch = watchInvoices(invoicesDatabase, answeredAt, found, () => placing)
  const startedAt = performance.now()
  const requests: Promise<void>[] = []
  for (let count = 0; count < rate * seconds; count++) {
    requests.push(place(ordersUrl, customer, answeredAt))
    await sleep(Math.max(0, startedAt + ((count + 1) * 1_000) / rate - performance.now()))
  }
  await Promise.all(requests)
  placing = false
  await watch
  return found
}

async function place(url: string, customer: BenchSystem['customer'], answeredAt: Map<string, number>): Promise<void> {
  const headers = { ...customer, 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: '{"amount": 29.99}' })
  const at = performance.now()
  const { id } = (await response.json()) as { id: string }
  answeredAt.set(id, at)
}

async function watchInvoices(url: string, answeredAt: Map<string, number>, found: number[], placing: () => boolean) {
  const client = new Client({ connectionString: url })
  await client.connect()
  // Ids grow with time, so each look asks only for what is new.
  let last = '00000000-0000-0000-0000-000000000000'
  const committedAt = new Map<string, number>()
  while (placing() || answeredAt.size > 0) {
    const text = 'select id, order_id from invoices where id > $1 order by id'
    const { rows } = await client.query<{ id: string; order_id: string }>({ name: 'watch', text, values: [last] })
    const now = performance.now()
    for (const row of rows) committedAt.set(row.order_id, now)
    last = rows.at(-1)?.id ?? last
    for (const [id, answered] of answeredAt) {
      const committed = committedAt.get(id)
      if (committed === undefined) continue
      // An invoice can be seen before the answer to its order has reached this process.
      found.push(Math.max(0, committed - answered))
      answeredAt.delete(id)
    }
    await sleep(1)
  }
  await client.end()
}
