import { readFileSync } from 'node:fs'
import { connect } from 'amqplib'
import { Client } from 'pg'
import { freePort } from '../harness/port.ts'
import { Program, run } from '../harness/program.ts'
import { until } from '../harness/until.ts'

export interface BenchServers {
  /** A login that may make databases. */
  readonly databaseUrl: string
  readonly brokerUrl: string
}

/** Both services as processes of their own, each on a fresh database. */
export interface BenchSystem {
  readonly ordersUrl: string
  /** An empty database, for the other side of a comparison. */
  readonly baseDatabase: string
  readonly invoicesDatabase: string
  /** CPU seconds that the orders process has used. */
  ordersCpu(): number
  stop(): Promise<void>
}

/** Starts the system that is measured. Names of databases and queues begin with `name`; `stop` removes them. */
export async function startBenchSystem(name: string, { databaseUrl, brokerUrl }: BenchServers): Promise<BenchSystem> {
  const urlOf = (database: string) => Object.assign(new URL(databaseUrl), { pathname: `/${database}` }).href
  const databases = { base: `${name}_base`, orders: `${name}_orders`, invoices: `${name}_invoices` }
  for (const database of Object.values(databases)) await query(databaseUrl, `create database ${database}`)
  const start = async (service: 'orders' | 'invoices') => {
    const port = await freePort()
    const env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: urlOf(databases[service]),
      BROKER_URL: brokerUrl,
      BROKER_NAMESPACE: `${name}.`,
      LOG_LEVEL: 'warn',
    }
    const main = `app-${service}/src/main.ts`
    const setup = await run([main, 'setup'], env)
    if (setup.code !== 0) throw new Error(setup.output)
    return { port, open: () => new Program([main], env) }
  }
  const services = [await start('orders'), await start('invoices')]
  const programs = services.map(({ open }) => open())
  for (const { port } of services) await until('ready', async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok)
  return {
    ordersUrl: `http://127.0.0.1:${services[0]?.port}/orders`,
    baseDatabase: urlOf(databases.base),
    invoicesDatabase: urlOf(databases.invoices),
    ordersCpu: () => cpuSeconds(programs[0]?.pid as number),
    async stop() {
      for (const program of programs) await program.end('SIGTERM')
      for (const database of Object.values(databases))
        await query(databaseUrl, `drop database ${database} with (force)`)
      await deleteQueues(brokerUrl, `${name}.`)
    },
  }
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(text)
  await client.end()
}

async function deleteQueues(brokerUrl: string, namespace: string): Promise<void> {
  const model = await connect(brokerUrl)
  const channel = await model.createChannel()
  const queue = `${namespace}invoices.on-order-created`
  const retries = ['1000', '2000', '4000', '8000', '16000'].map(delay => `${queue}.retry.${delay}ms`)
  for (const each of [queue, `${queue}.dlq`, ...retries]) await channel.deleteQueue(each)
  await channel.deleteExchange(`${namespace}feira.events`)
  await model.close()
}

// The 14th and 15th field: user and system time in ticks, of which Linux counts 100 a second for programs (proc(5)).
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
