import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { geometricMean } from './quantiles.ts'
import { query, type BenchSystem } from './system.ts'
import { numberIn, placeOrders } from './wrk.ts'

export interface Rounds {
  readonly rounds: number
  /** Of one round. */
  readonly seconds: number
}

/**
 * The throughput of durable `POST /orders` as a ratio to pgbench, which commits one transaction with two inserts (order and
 * outbox row) from C and needs no HTTP: rounds alternate, the geometric mean of their ratios is what counts.
 */
export async function measureOrders(system: BenchSystem, { rounds, seconds }: Rounds): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'feira-bench-'))
  writeFileSync(path.join(folder, 'two.sql'), twoInserts)
  await query(system.baseDatabase, baseTables)
  const place = (clients: number) => placeOrders(system, { clients, seconds })
  place(8) // V8 compiles what is hot only once it has run
  console.log('POST /orders / pgbench, two inserts in one transaction')
  for (const clients of [1, 8, 32]) {
    const ratios: number[] = []
    const rates: number[] = []
    const cpu: number[] = []
    for (let round = 0; round < rounds; round++) {
      const base = pgbench(system.baseDatabase, path.join(folder, 'two.sql'), clients, seconds)
      const before = system.ordersCpu()
      const rate = place(clients)
      cpu.push(((system.ordersCpu() - before) / (rate * seconds)) * 1e6)
      rates.push(rate)
      ratios.push(rate / base)
      await sleep(1_500) // the relay and the invoices catch up, so that they do not burden the other side
    }
    const each = ratios.map(ratio => ratio.toFixed(2)).join(' ')
    const summary = `${geometricMean(ratios).toFixed(2)} (${each})`
    const rate = `${Math.round(geometricMean(rates))} orders/s`
    console.log(
      `  ${String(clients).padStart(2)} clients: ${summary}, ${rate}, ${Math.round(geometricMean(cpu))} µs Node CPU per order`,
    )
  }
  rmSync(folder, { recursive: true })
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
