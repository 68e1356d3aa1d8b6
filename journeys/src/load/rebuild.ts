import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Feira } from '../harness/feira.ts'
import { queuesOf } from '../harness/queues.ts'
import { differences } from '../harness/read-model-invariants.ts'
import { takeReadModel } from '../harness/read-model.ts'
import { Shop, type Customer, type Json } from '../harness/shop.ts'
import { Hopeless, until } from '../harness/until.ts'
import { quantiles } from './quantiles.ts'
import { untilRebuilt, type BenchServers } from './system.ts'

const orderCount = 100_000
/** What people do each second while the model is rebuilt. */
const load = { orders: 20, reads: 100 }
const services = ['orders', 'invoices', 'users', 'products', 'notifications', 'queries'] as const

/**
 * The read model made again from many orders, while people go on ordering and reading through the gateway.
 * @throws when a read fails, or the model shows anything else than the owners' tables afterwards.
 */
export async function measureRebuild(servers: BenchServers): Promise<void> {
  console.log(
    `POST /q/rebuild with ${orderCount} orders; the load: ${load.orders} orders and ${load.reads} reads a second`,
  )
  const env = { DATABASE_POOL: '12', NOTIFICATION_WORKERS: 'false' }
  const feira = await Feira.start({ ...servers, services, tap: false, env })
  try {
    await untilRebuilt(feira)
    const shop = new Shop(feira)
    const customer = await shop.register()
    await seed(feira, customer)
    console.log(`  alone: ${figures(await rebuild(shop))}`)
    const crowd = new Crowd(shop, customer, await shop.stock(1_000_000))
    const duration = await rebuild(shop)
    await crowd.leave()
    console.log(`  under load: ${figures(duration)}`)
    const { placed, readTimes, failures } = crowd
    console.log(
      `  meanwhile ${placed} orders, ${readTimes.length} reads: ${quantiles(readTimes)}, ${failures.length} failed`,
    )
    if (failures.length > 0) throw new Error(failures.slice(0, 5).join('\n'))
    console.log(`  ${await verify(feira)} rows are as their owners have them`)
  } finally {
    await feira.tearDown()
  }
}

function figures(milliseconds: number): string {
  const seconds = milliseconds / 1_000
  return `${seconds.toFixed(1)} s, ${((orderCount * 2) / seconds).toFixed(0)} rows a second`
}

/** Writes orders and invoices as they are when somebody paid: what led there is of no interest to a rebuild. */
async function seed({ databases }: Feira, { id, email }: Customer): Promise<void> {
  await databases.orders.rows(seededOrders, [id, email, orderCount])
  await databases.invoices.rows(seededInvoices, [id, email, orderCount])
  for (const { rows } of [databases.orders, databases.invoices]) await rows('analyze')
}

/** How ids of seeded rows begin, like those of long ago; the number of the row follows. */
const seededOrder = '01930000-0000-7000-8000-'
const seededInvoice = '01930001-0000-7000-8000-'
const idOf = (beginning: string) => `('${beginning}' || lpad(to_hex(n), 12, '0'))::uuid`

/** As precise as messages tell it. */
const now = `date_trunc('milliseconds', now())`

const seededOrders = `
  insert into orders (id, user_id, user_name, user_email, status, items, total_cents, currency, version, tallied, created_at, updated_at)
  select ${idOf(seededOrder)}, $1, 'Ana Souza', $2, 'paid', '[]', 2999, 'BRL', 2, true, ${now}, ${now}
  from generate_series(1, $3::int) n`

const seededInvoices = `
  insert into invoices (id, order_id, number, user_id, customer_name, customer_email, status, total_cents, currency, version,
    order_version, month, issued_at, paid_at, updated_at)
  select ${idOf(seededInvoice)}, ${idOf(seededOrder)}, '2000-' || lpad(n::text, 6, '0'), $1, 'Ana Souza', $2, 'paid', 2999, 'BRL',
    2, 2, '2000-01', ${now}, ${now}, ${now}
  from generate_series(1, $3::int) n`

/** People who order and read until they are told to stop. */
class Crowd {
  readonly failures: string[] = []
  /** Milliseconds. */
  readonly readTimes: number[] = []
  placed = 0
  readonly #shop: Shop
  readonly #customer: Customer
  readonly #working: Promise<unknown>
  #open = true

  constructor(shop: Shop, customer: Customer, product: string) {
    this.#shop = shop
    this.#customer = customer
    this.#working = Promise.all([
      this.#keep(load.orders, () => this.#place(product)),
      this.#keep(load.reads, () => this.#read()),
    ])
  }

  async leave(): Promise<void> {
    this.#open = false
    await this.#working
  }

  /** Begins something so many times a second, however long each takes. */
  async #keep(rate: number, begin: () => Promise<void>): Promise<void> {
    const begun: Promise<void>[] = []
    const startedAt = performance.now()
    while (this.#open) {
      begun.push(begin())
      await sleep(Math.max(0, startedAt + (begun.length * 1_000) / rate - performance.now()))
    }
    await Promise.all(begun)
  }

  async #place(product: string): Promise<void> {
    const { status } = await this.#shop.order(this.#customer, product)
    if (status === 201) this.placed++
    else this.failures.push(`POST /orders was answered ${status}`)
  }

  async #read(): Promise<void> {
    const number = randomInt(1, orderCount + 1)
    const path = `/q/orders/${seededOrder}${number.toString(16).padStart(12, '0')}`
    const startedAt = performance.now()
    const { status } = await this.#shop.get(path, this.#customer.headers)
    this.readTimes.push(performance.now() - startedAt)
    if (status !== 200) this.failures.push(`${path} was answered ${status}`)
  }
}

/** @returns its duration in milliseconds, as `GET /q/rebuild` tells it. */
async function rebuild(shop: Shop): Promise<number> {
  const { requestId } = (await shop.post('/q/rebuild')).body as Json
  return until(
    'the rebuild is completed',
    async () => {
      await sleep(200)
      const { body } = await shop.get('/q/rebuild')
      const { requestId: newest, state, durationMs, reason } = body as Json
      if (state === 'failed') throw new Hopeless(`the rebuild failed: ${String(reason)}`)
      return newest === requestId && state === 'completed' && Number(durationMs)
    },
    600_000,
  )
}

/** Waits until nothing is under way, and compares all rows. @returns how many there are. */
async function verify(feira: Feira): Promise<number> {
  const queues = queuesOf('queries', []).filter(queue => !queue.endsWith('.dlq'))
  const depths = async () => [...(await feira.broker.depths(queues)).values()]
  return until(
    'the read model equals the write models',
    async () => {
      await sleep(500)
      if ((await depths()).some(depth => depth > 0)) return false
      const { kinds } = await takeReadModel(feira)
      const found = kinds.flatMap(differences)
      if (found.length > 0) throw new Error(found.slice(0, 5).join('\n'))
      return kinds.reduce((sum, { model }) => sum + model.length, 0)
    },
    120_000,
  )
}
