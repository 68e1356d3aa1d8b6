import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Environment } from '../harness/program.ts'
import type { Rounds } from './order-throughput.ts'
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
    const off = await start({})
    const traced = new Map<string, BenchSystem>()
    for (const [name, env] of Object.entries(variants)) {
      traced.set(name, await start({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, ...env }))
    }
    await compare(off, traced, rounds)
    console.log(`  ${(sink.received() / 2 ** 20).toFixed(1)} MiB of spans were received`)
  } finally {
    for (const system of started) await system.stop()
    sink.server.close()
  }
}

async function compare(off: BenchSystem, traced: ReadonlyMap<string, BenchSystem>, { rounds, seconds }: Rounds) {
  // V8 compiles what is hot only once it has run.
  for (const system of [off, ...traced.values()]) await measure(system, seconds * 2)
  const bases: Figures[] = []
  const ratios = new Map([...traced.keys()].map(name => [name, [] as Figures[]]))
  for (let round = 0; round < rounds; round++) {
    const base = await measure(off, seconds)
    bases.push(base)
    for (const [name, system] of traced) {
      const { rate, cpu } = await measure(system, seconds)
      ratios.get(name)?.push({ rate: rate / base.rate, cpu: cpu / base.cpu })
    }
  }
  const { rate, cpu } = meanOf(bases)
  console.log(`POST /orders with tracing / without, ${clients} clients; memory of app-orders`)
  console.log(`  without: ${Math.round(rate)} orders/s, ${Math.round(cpu)} µs CPU per order, ${off.ordersMemory()} MiB`)
  for (const [name, each] of ratios) {
    const mean = meanOf(each)
    const list = each.map(ratio => ratio.rate.toFixed(2)).join(' ')
    const text = `${mean.rate.toFixed(2)} orders/s (${list}), ${mean.cpu.toFixed(2)} CPU per order`
    console.log(`  ${name}: ${text}, ${traced.get(name)?.ordersMemory()} MiB`)
  }
}

interface Figures {
  /** Orders per second. */
  readonly rate: number
  /** Microseconds of app-orders per order. */
  readonly cpu: number
}

async function measure(system: BenchSystem, seconds: number): Promise<Figures> {
  const before = system.ordersCpu()
  const rate = placeOrders(system, { clients, seconds })
  // Relay, invoices and exporter catch up, so that they do not burden whose turn is next, and what they cost is counted.
  await sleep(1_500)
  return { rate, cpu: ((system.ordersCpu() - before) / (rate * seconds)) * 1e6 }
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
