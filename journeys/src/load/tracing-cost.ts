import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Environment } from '../harness/program.ts'
import type { Rounds } from './order-throughput.ts'
import { until } from '../harness/until.ts'
import { geometricMean } from './quantiles.ts'
import { startBenchSystem, type BenchServers, type BenchSystem } from './system.ts'
import { placeOrders } from './wrk.ts'

const variants: Readonly<Record<string, Environment>> = {
  'seams, 10 % sampled': { OTEL_TRACES_SAMPLER_ARG: '0.1' },
  'seams, all sampled': {},
  'full, 10 % sampled': { OTEL_INSTRUMENTATION: 'full', OTEL_TRACES_SAMPLER_ARG: '0.1' },
  'full, all sampled': { OTEL_INSTRUMENTATION: 'full' },
  'auto, all sampled': { OTEL_INSTRUMENTATION: 'auto' },
}

const untraced = 'without'
const clients = 8

/**
 * What tracing costs: requests/s of durable `POST /orders`, and the CPU time that each takes of app-orders, as ratios to the
 * same without tracing. Every variant is a system of its own beside the others; they take turns, and one that has no turn
 * does nothing. On a busy machine the second ratio says more.
 */
export async function measureTracing(servers: BenchServers, rounds: Rounds): Promise<void> {
  const sink = await startSink()
  const started: BenchSystem[] = []
  const start = async (env: Environment) => {
    // All of them together must fit into the connections of a small server.
    const system = await startBenchSystem(servers, ['orders', 'invoices'], { DATABASE_POOL: '6', ...env })
    started.push(system)
    return system
  }
  try {
    const systems = new Map([[untraced, await start({})]])
    for (const [name, env] of Object.entries(variants)) {
      systems.set(name, await start({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, ...env }))
    }
    await compare(systems, rounds)
    console.log(`  ${(sink.received() / 2 ** 20).toFixed(1)} MiB of spans were received`)
  } finally {
    for (const system of started) await system.stop()
    sink.server.close()
  }
}

type Systems = ReadonlyMap<string, BenchSystem>

async function compare(systems: Systems, { rounds, seconds }: Rounds): Promise<void> {
  // V8 compiles what is hot only once it has run.
  for (const system of systems.values()) await measure(system, seconds * 2)
  const ratios = new Map([...systems.keys()].map(name => [name, [] as Figures[]]))
  const bases: Figures[] = []
  for (let round = 0; round < rounds; round++) {
    const figures = await measureRound(systems, seconds, round)
    const base = figures.get(untraced) as Figures
    bases.push(base)
    for (const [name, { rate, cpu }] of figures) ratios.get(name)?.push({ rate: rate / base.rate, cpu: cpu / base.cpu })
  }
  report(meanOf(bases), ratios, systems)
}

function report({ rate, cpu }: Figures, ratios: ReadonlyMap<string, Figures[]>, systems: Systems): void {
  const base = `${Math.round(rate)} orders/s, ${Math.round(cpu)} µs CPU each`
  console.log(`POST /orders with tracing / without (${base}), ${clients} clients; memory of app-orders`)
  for (const [name, each] of ratios) {
    const mean = meanOf(each)
    const list = each.map(ratio => ratio.rate.toFixed(2)).join(' ')
    const text = `${mean.rate.toFixed(2)} orders/s (${list}), ${mean.cpu.toFixed(2)} CPU per order`
    console.log(`  ${name}: ${text}, ${systems.get(name)?.ordersMemory()} MiB`)
  }
}

/** Each in turn, and each round begins with another one: whoever comes after a fast one has more to wait for. */
async function measureRound(systems: Systems, seconds: number, round: number): Promise<Map<string, Figures>> {
  const all = [...systems]
  const first = round % all.length
  const figures = new Map<string, Figures>()
  for (const [name, system] of [...all.slice(first), ...all.slice(0, first)]) {
    figures.set(name, await measure(system, seconds))
  }
  return figures
}

interface Figures {
  /** Orders per second. */
  readonly rate: number
  /** Microseconds of app-orders per order. */
  readonly cpu: number
}

async function measure(system: BenchSystem, seconds: number): Promise<Figures> {
  const before = system.cpu().orders
  const rate = placeOrders(system, { clients, seconds })
  // Relay, invoices and exporter catch up, so that they do not burden whose turn is next, and what they cost is counted.
  const count = (name: 'orders' | 'invoices') =>
    system.databases[name].rows<{ count: number }>(`select count(*)::int as count from ${name}`)
  await until('all orders have their invoices', async () => {
    const [[orders], [invoices]] = await Promise.all([count('orders'), count('invoices')])
    return orders?.count === invoices?.count
  })
  await sleep(1_200)
  return { rate, cpu: ((system.cpu().orders - before) / (rate * seconds)) * 1e6 }
}

function meanOf(figures: readonly Figures[]): Figures {
  return { rate: geometricMean(figures.map(each => each.rate)), cpu: geometricMean(figures.map(each => each.cpu)) }
}

interface Sink {
  readonly server: Server
  readonly url: string
  /** Bytes. */
  received(): number
}

/** Takes spans and does nothing with them: what a collector does is not part of the measurement. */
async function startSink(): Promise<Sink> {
  let bytes = 0
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => response.end())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received: () => bytes }
}
