import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { measureInvoiceLag, measureVisibility } from './lag.ts'
import { measureOrders, type Rounds } from './order-throughput.ts'
import { measurePartners } from './partner-burst.ts'
import { measureRebuild } from './rebuild.ts'
import { measureTracing } from './tracing-cost.ts'
import { startBenchSystem, type BenchServers, type BenchSystem } from './system.ts'

const help = `Measures Feira beside plain tools on this machine. Needs Linux; orders and tracing also wrk, orders pgbench.

  npm run bench                all of the following, one after the other
  npm run bench -- orders      POST /orders against pgbench's transaction of two inserts, at 1, 8 and 32 clients:
                               the write path alone, and with all services
  npm run bench -- invoices    order answered → its invoice committed, at 20 and 500 orders a second
  npm run bench -- visible     order answered → visible in /q, beside the same for its invoice
  npm run bench -- rebuild     the read model made again from 100,000 orders while people order and read
  npm run bench -- partners    120 events a second of 20 partners through the gateway for 60 s, each completed once
  npm run bench -- tracing     POST /orders with tracing, in each of its modes, against the same without

  --rounds N       rounds of the first three and of tracing, alternating with the other side of a comparison (4)
  --seconds N      length of a round (4)
  --database URL   a PostgreSQL login that may make databases (postgres://postgres@127.0.0.1:5432/postgres)
  --broker URL     a RabbitMQ (amqp://guest:guest@127.0.0.1:5672)

Only servers of this machine are ever measured. Each measurement ends by itself and removes what it made.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '4' },
    database: { type: 'string', default: 'postgres://postgres@127.0.0.1:5432/postgres' },
    broker: { type: 'string', default: 'amqp://guest:guest@127.0.0.1:5672' },
    help: { type: 'boolean', default: false },
  },
})

type Measurement = (servers: BenchServers, rounds: Rounds) => Promise<void>

const measurements: Readonly<Record<string, Measurement>> = {
  orders: measureOrders,
  invoices: (servers, rounds) => measuring(startBenchSystem(servers), system => measureInvoiceLag(system, rounds)),
  visible: (servers, rounds) =>
    measuring(startBenchSystem(servers, ['orders', 'invoices', 'queries']), async system => {
      await measureInvoiceLag(system, rounds)
      await measureVisibility(system, rounds)
    }),
  rebuild: measureRebuild,
  partners: measurePartners,
  tracing: measureTracing,
}

if (values.help) console.log(help)
else await bench(positionals[0])

async function bench(what: string | undefined): Promise<void> {
  const servers = { databaseUrl: values.database, brokerUrl: values.broker }
  for (const url of Object.values(servers)) requireLocal(url)
  const rounds = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  if (what !== undefined && !(what in measurements)) throw new Error(`There is no measurement ${what}; see --help`)
  console.log(`one fdatasync: ${medianSync().toFixed(2)} ms (median of 100)`)
  for (const [name, measure] of Object.entries(measurements)) {
    if (what === undefined || what === name) await measure(servers, rounds)
  }
}

/** Starts a system for some measurements and removes it afterwards. */
async function measuring(system: Promise<BenchSystem>, measure: (system: BenchSystem) => Promise<void>): Promise<void> {
  const started = await system
  try {
    await measure(started)
  } finally {
    await started.stop()
  }
}

function requireLocal(url: string): void {
  const { hostname } = new URL(url)
  if (hostname !== '127.0.0.1' && hostname !== 'localhost') throw new Error(`${hostname} is not this machine`)
}

/** How long the disk takes to keep a page, in milliseconds: what every commit waits for at least. */
function medianSync(): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'feira-sync-'))
  const file = openSync(path.join(folder, 'page'), 'w')
  const times = Array.from({ length: 100 }, () => {
    const startedAt = performance.now()
    writeSync(file, Buffer.alloc(8_192), 0, 8_192, 0)
    fdatasyncSync(file)
    return performance.now() - startedAt
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  return times.toSorted((a, b) => a - b)[50] as number
}
