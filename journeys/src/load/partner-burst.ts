import { setTimeout as sleep } from 'node:timers/promises'
import { Feira } from '../harness/feira.ts'
import { partnerInvariants } from '../harness/partner-invariants.ts'
import { takePartnership } from '../harness/partner-snapshot.ts'
import { Partner, saleOf } from '../harness/partner.ts'
import { Shop } from '../harness/shop.ts'
import { until } from '../harness/until.ts'
import { quantiles } from './quantiles.ts'
import type { BenchServers } from './system.ts'

const partnerCount = 20
const rate = 120
const seconds = 60
const services = ['orders', 'invoices', 'users', 'products', 'partners'] as const

/**
 * Sales of many partners through the gateway at a steady rate, which waits for no answer: how long each takes to be
 * accepted, and how long after the last one all are completed.
 * @throws when an event is lost, refused, or has any other number of orders than one.
 */
export async function measurePartners(servers: BenchServers): Promise<void> {
  console.log(`events of ${partnerCount} partners through the gateway, ${rate} a second for ${seconds} s`)
  const env = { DATABASE_POOL: '12', PARTNER_LIMIT_PER_MINUTE: '100000', PARTNER_LIMIT_PER_SECOND: '10000' }
  const feira = await Feira.start({ ...servers, services, tap: false, env })
  try {
    const shop = new Shop(feira)
    const product = await shop.stock(rate * seconds * 2)
    const partners = await Promise.all(
      Array.from({ length: partnerCount }, (_, index) => Partner.add(shop, `Loja ${index}`)),
    )
    const startedAt = performance.now()
    const answerTimes = await burst(partners, product)
    const sentAt = performance.now()
    const promised = partners.flatMap(({ accepted }) => accepted)
    await until('every event has ended', async () => (await open(feira)) === 0, 120_000)
    const endedAt = performance.now()
    await verify(feira, promised)
    const reached = (promised.length * 1_000) / (sentAt - startedAt)
    console.log(`  ${promised.length} events, ${reached.toFixed(0)} a second; 202 after ${quantiles(answerTimes)}`)
    console.log(`  all completed once, the last one ${(endedAt - sentAt).toFixed(0)} ms after the last 202`)
  } finally {
    await feira.tearDown()
  }
}

/** @returns how long each answer took, in milliseconds. */
async function burst(partners: readonly Partner[], product: string): Promise<number[]> {
  const startedAt = performance.now()
  const answers: Promise<number>[] = []
  for (let count = 0; count < rate * seconds; count++) {
    answers.push(timed(() => (partners[count % partnerCount] as Partner).tell(saleOf(product, 1, 2_990))))
    await sleep(Math.max(0, startedAt + ((count + 1) * 1_000) / rate - performance.now()))
  }
  return Promise.all(answers)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function open({ databases }: Feira): Promise<number> {
  const [row] = await databases.partners.rows<{ n: number }>(
    `select count(*)::int as n from events where state not in ('completed', 'refused', 'dead')`,
  )
  return row?.n ?? 0
}

async function verify(feira: Feira, promisedEvents: readonly string[]): Promise<void> {
  const partnership = await takePartnership(feira)
  const violations = Object.values(partnerInvariants).flatMap(invariant =>
    invariant({ partnership }, { promisedEvents }),
  )
  const unfinished = partnership.events.filter(({ state }) => state !== 'completed')
  if (unfinished.length > 0) violations.push(`${unfinished.length} events are ${unfinished[0]?.state}`)
  if (violations.length > 0) throw new Error(violations.slice(0, 10).join('\n'))
}
