import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { serviceNames } from '../harness/service-process.ts'
import { geometricMean } from './quantiles.ts'
import { query, startBenchSystem, startWritePath, type BenchServers, type BenchSystem } from './system.ts'
import { numberIn, placeOrders } from './wrk.ts'

export interface Rounds {
  readonly rounds: number
  /** Of one round. */
  readonly seconds: number
}

/**
 * The throughput of durable `POST /orders` as a ratio to pgbench, which commits one transaction with two inserts (order and
 * outbox row) from C and needs no HTTP: rounds alternate, the geometric mean of their ratios is what counts. pgbench's
 * messages go nowhere, so the like of it is the write path alone; what a message leads to in all services is work that
 * pgbench does not do, on the cores that it has for itself.
 */
export async function measureOrders(servers: BenchServers, rounds: Rounds): Promise<void> {
  console.log('POST /orders / pgbench, two inserts in one transaction')
  for (const [title, start] of Object.entries(settings)) {
    console.log(`  ${title}`)
    const system = await start(servers)
    try {
      await compare(system, rounds)
    } finally {
      await system.stop()
    }
  }
}

const settings: Readonly<Record<string, (servers: BenchServers) => Promise<BenchSystem>>> = {
  'the write path alone: the broker is away, so messages stay in the outbox': startWritePath,
  // E-mails leave as fast as their server takes them, which would be measured instead.
  'with all services, which share the cores': servers =>
    startBenchSystem(servers, serviceNames, { DATABASE_POOL: '6', NOTIFICATION_WORKERS: 'false' }),
}

/** A round begins when nothing is left to do of the one before, and so does the other side's. */
async function compare(system: BenchSystem, { rounds, seconds }: Rounds): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'feira-bench-'))
  writeFileSync(path.join(folder, 'two.sql'), twoInserts)
  await query(system.baseDatabase, baseTables)
  const place = (clients: number) => placeOrders(system, { clients, seconds })
  place(8) // V8 compiles what is hot only once it has run
  for (const clients of [1, 8, 32]) {
    const all: Round[] = []
    for (let round = 0; round < rounds; round++) {
      await system.untilQuiet()
      const base = pgbench(system.baseDatabase, path.join(folder, 'two.sql'), clients, seconds)
      const before = system.cpu()
      const rate = place(clients)
      await system.untilQuiet()
      const after = system.cpu()
      const perOrder = (name: 'orders' | 'others') => ((after[name] - before[name]) / (rate * seconds)) * 1e6
      all.push({ ratio: rate / base, rate, orders: perOrder('orders'), others: perOrder('others') })
    }
    console.log(`  ${String(clients).padStart(4)} clients: ${summary(all)}`)
  }
  rmSync(folder, { recursive: true })
}

interface Round {
  readonly ratio: number
  /** Orders a second. */
  readonly rate: number
  /** Microseconds of CPU per order. */
  readonly orders: number
  readonly others: number
}

function summary(all: readonly Round[]): string {
  const mean = (name: keyof Round) => geometricMean(all.map(round => round[name]))
  const ratios = `${mean('ratio').toFixed(2)} (${all.map(({ ratio }) => ratio.toFixed(2)).join(' ')})`
  const others = all.some(round => round.others > 0) ? `, ${Math.round(mean('others'))} of the other services` : ''
  const cpu = `${Math.round(mean('orders'))} µs CPU of app-orders${others}`
  return `${ratios}, ${Math.round(mean('rate'))} orders/s; per order ${cpu}`
}

function pgbench(url: string, script: string, clients: number, seconds: number): number {
  const args = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', String(seconds), '-f', script, url]
  const output = execFileSync('pgbench', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  return numberIn(output, /tps = ([\d.]+)/)
}

const baseTables = `
  create table orders (id uuid primary key, customer_id uuid not null, status text not null, total_cents int not null,
    items jsonb not null, created_at timestamptz not null default now());
  create table outbox (id bigint generated always as identity primary key, event_id uuid not null,
    aggregate_id uuid not null, type text not null, payload jsonb not null,
    created_at timestamptz not null default now(), published_at timestamptz);
  create index outbox_pending on outbox (id) where published_at is null`

const items = '[{"productId":"0190d3a0-7c1e-7b3a-9d51-1b2a3c4d5e6f","qty":2,"priceCents":1999}]'

const twoInserts = `begin;
insert into orders (id, customer_id, status, total_cents, items)
  values (gen_random_uuid(), gen_random_uuid(), 'created', 8997, '${items}');
insert into outbox (event_id, aggregate_id, type, payload) values (gen_random_uuid(), gen_random_uuid(), 'order.created',
  '{"orderId":"0190d3a0-7c1e-7b3a-9d51-1b2a3c4d5e6f","version":1,"items":${items},"totalCents":8997,"currency":"BRL"}');
commit;
`
