import { setTimeout as sleep } from 'node:timers/promises'
import type { TestDatabase } from '../harness/database.ts'
import { until } from '../harness/until.ts'
import type { Rounds } from './order-throughput.ts'
import { quantiles } from './quantiles.ts'
import { count, patience, slowly, type BenchSystem } from './system.ts'

/** Where what an order leads to is committed. */
interface Destination {
  readonly title: string
  readonly database: TestDatabase
  readonly table: string
  /** Its column with the id of the order. */
  readonly orderId: string
}

/** How long after an order's answer its invoice is committed, at a steady rate of orders. */
export async function measureInvoiceLag(system: BenchSystem, rounds: Rounds): Promise<void> {
  const database = system.databases.invoices
  const title = 'order answered → invoice committed'
  await measureLag(system, rounds, { title, database, table: 'invoices', orderId: 'order_id' })
}

/** How long after an order's answer it is in the table that `GET /q/orders/:id` reads. */
export async function measureVisibility(system: BenchSystem, rounds: Rounds): Promise<void> {
  const database = system.databases.queries
  const title = 'order answered → visible in /q'
  await measureLag(system, rounds, { title, database, table: 'model.orders', orderId: 'id' })
}

/**
 * The table is asked as often as it answers, so a figure is too high by up to one such question, never too low. It begins
 * when all earlier orders have arrived there: else it would measure their backlog.
 */
async function measureLag(system: BenchSystem, { rounds, seconds }: Rounds, destination: Destination): Promise<void> {
  console.log(destination.title)
  await untilCaughtUp(system, destination)
  await lags(system, destination, { rate: 100, seconds: 2 })
  for (const rate of [20, 500]) {
    const all: number[] = []
    for (let round = 0; round < rounds; round++) all.push(...(await lags(system, destination, { rate, seconds })))
    console.log(`  ${String(rate).padStart(3)} orders/s: ${quantiles(all)} (${all.length} orders)`)
  }
}

async function untilCaughtUp(system: BenchSystem, { database, table }: Destination): Promise<void> {
  const orders = await count(system.databases.orders, 'orders')
  const caughtUp = async () => (await count(database, table)) >= orders
  await until('all earlier orders have arrived', slowly(caughtUp), patience)
  await system.untilQuiet()
}

async function lags(
  { ordersUrl, customer }: BenchSystem,
  destination: Destination,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<number[]> {
  const answeredAt = new Map<string, number>()
  const found: number[] = []
  let placing = true
  const watch = watchArrivals(destination, answeredAt, found, () => placing)
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

/** Asks for every order that was answered and has not arrived yet. */
async function watchArrivals(
  { database, table, orderId }: Destination,
  answeredAt: Map<string, number>,
  found: number[],
  placing: () => boolean,
) {
  const text = `select ${orderId} as id from ${table} where ${orderId} = any($1::uuid[])`
  while (placing() || answeredAt.size > 0) {
    const rows = await database.rows<{ id: string }>(text, [[...answeredAt.keys()]])
    const now = performance.now()
    for (const { id } of rows) {
      found.push(now - (answeredAt.get(id) as number))
      answeredAt.delete(id)
    }
    await sleep(1)
  }
}
