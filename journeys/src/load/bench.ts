import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { measureInvoiceLag } from './invoice-lag.ts'
import { measureOrders } from './order-throughput.ts'
import { startBenchSystem } from './system.ts'

const help = `Measures Feira beside plain tools on this machine. Needs Linux, pgbench and wrk.

  npm run bench                both of the following
  npm run bench -- orders      POST /orders against pgbench's transaction of two inserts, at 1, 8 and 32 clients
  npm run bench -- invoices    order answered → its invoice committed, at 20 and 500 orders a second

  --rounds N       rounds, alternating with the other side of a comparison (4)
  --seconds N      length of a round (4)
  --database URL   a PostgreSQL login that may make databases (postgres://postgres@127.0.0.1:5432/postgres)
  --broker URL     a RabbitMQ (amqp://guest:guest@127.0.0.1:5672)

Only servers of this machine are ever measured.`

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

if (values.help) console.log(help)
else await bench(positionals[0])

async function bench(what: string | undefined): Promise<void> {
  const servers = { databaseUrl: values.database, brokerUrl: values.broker }
  for (const url of Object.values(servers)) requireLocal(url)
  const rounds = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  console.log(`one fdatasync: ${medianSync().toFixed(2)} ms (median of 100)`)
  const system = await startBenchSystem(servers)
  try {
    if (what !== 'invoices') await measureOrders(system, rounds)
    if (what !== 'orders') await measureInvoiceLag(system, rounds)
  } finally {
    await system.stop()
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
