import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { createDatabase, type TestDatabase } from '../harness/database.ts'
import { Feira } from '../harness/feira.ts'
import type { Environment } from '../harness/program.ts'
import type { ServiceName } from '../harness/service-process.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/until.ts'

export interface BenchServers {
  /** A login that may make databases. */
  readonly databaseUrl: string
  readonly brokerUrl: string
}

/** Services as processes of their own, each on a fresh database. */
export interface BenchSystem {
  readonly ordersUrl: string
  /** Headers of a request by a customer. */
  readonly customer: Readonly<Record<string, string>>
  /** An empty database, for the other side of a comparison. */
  readonly baseDatabase: string
  readonly databases: Feira['databases']
  /** CPU seconds that app-orders and the other services have used. */
  cpu(): { readonly orders: number; readonly others: number }
  /** Waits until nothing waits in an outbox that could leave, nor in a queue. */
  untilQuiet(): Promise<void>
  /** Memory of the orders process, in MiB. */
  ordersMemory(): number
  stop(): Promise<void>
}

/** Starts the system that is measured; `stop` removes all of it. */
export async function startBenchSystem(
  servers: BenchServers,
  services: readonly ServiceName[] = ['orders', 'invoices'],
  settings: Environment = {},
  broker?: TcpProxy,
): Promise<BenchSystem> {
  // Nobody is there who would tell app-queries of what was before it.
  const env = { DATABASE_POOL: '12', REBUILD_TIMEOUT: '1ms', ...settings }
  const network = broker ? { network: { broker } } : {}
  const feira = await Feira.start({ ...servers, services, tap: false, env, ...network })
  if (services.includes('queries')) await untilRebuilt(feira)
  const base = await createDatabase(servers.databaseUrl, `bench_${randomBytes(4).toString('hex')}`)
  return {
    ordersUrl: `${feira.orders.url}/orders`,
    customer: feira.admin,
    baseDatabase: base.url,
    databases: feira.databases,
    cpu() {
      const orders = cpuSeconds(feira.orders.program.pid)
      const all = services.reduce((sum, name) => sum + cpuSeconds(feira.service(name).program.pid), 0)
      return { orders, others: all - orders }
    },
    untilQuiet: () => untilQuiet(feira),
    ordersMemory: () => residentMemory(feira.orders.program.pid),
    async stop() {
      await feira.tearDown()
      await base.drop()
    },
  }
}

/** app-orders alone, its broker away: what it writes stays in its outbox, and its relay has nothing to do. */
export async function startWritePath(servers: BenchServers): Promise<BenchSystem> {
  const broker = await TcpProxy.to(servers.brokerUrl)
  const system = await startBenchSystem(servers, ['orders'], {}, broker)
  await broker.refuse()
  return { ...system, untilQuiet: async () => {} }
}

/** Milliseconds for what was left over from an earlier measurement. */
export const patience = 300_000

async function untilQuiet({ databases, broker, queues }: Feira): Promise<void> {
  // Nobody takes what the workers that are not there are for.
  const taken = queues.filter(name => !name.includes('email-workers'))
  const quiet = async () => {
    const rows = await Promise.all(Object.values(databases).map(each => count(each, unpublished)))
    const messages = [...(await broker.depths(taken)).values()]
    return [...rows, ...messages].every(waiting => waiting === 0)
  }
  await until('all that followed from earlier orders has happened', slowly(quiet), patience)
}

const unpublished = 'chassis.outbox where published_at is null and unrouted_at is null'

/** Asking takes of the time of what is asked about. */
export function slowly(condition: () => Promise<boolean>) {
  return async () => {
    await sleep(500)
    return condition()
  }
}

/** How many rows there are. */
export async function count(database: TestDatabase, from: string): Promise<number> {
  const [row] = await database.rows<{ n: number }>(`select count(*)::int as n from ${from}`)
  return row?.n ?? 0
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(text)
  await client.end()
}

/** Waits until no rebuild of the read model runs: while one does, everything is written twice. */
export async function untilRebuilt({ databases }: Pick<Feira, 'databases'>): Promise<void> {
  await until('the model is rebuilt', async () => {
    const [row] = await databases.queries.rows<{ ended: boolean }>(
      `select count(*) > 0 and bool_and(state <> 'running') as ended from rebuilds`,
    )
    return row?.ended
  })
}

// The 14th and 15th field: user and system time in ticks, of which Linux counts 100 a second for programs (proc(5)).
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function residentMemory(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kibibytes) / 1_024)
}
