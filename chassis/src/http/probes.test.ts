import { Gauge, Registry } from 'prom-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Rejection } from '../rejection.ts'
import { countOf } from '../testing/fixture/counts.ts'
import { eventually, startHttp } from './server.testing.ts'

const up = async () => {}
const down = async () => {
  throw new Error('connect ECONNREFUSED 10.0.0.5:5432 as orders')
}
const bases = ['', '/orders']

afterEach(() => void vi.useRealTimers())

describe('/live', () => {
  it.each(bases)('%s/live answers while the process can', async base => {
    const { app } = await startHttp([], { checks: { database: down } })
    expect((await app.inject(`${base}/live`)).statusCode).toBe(200)
  })
})

describe('/health', () => {
  it.each(bases)('%s/health is OK as text', async base => {
    const { app } = await startHttp([], { checks: { database: up } })
    const answer = await app.inject(`${base}/health`)
    expect([answer.statusCode, answer.body]).toEqual([200, 'OK'])
    expect(answer.headers['content-type']).toContain('text/plain')
  })

  it('names what fails, but not where it is', async () => {
    const pending = async () => {
      throw new Rejection('pending', 503, '2 migrations are pending')
    }
    const { app } = await startHttp([], { checks: { database: down, broker: up, migrations: pending } })
    const answer = await app.inject('/health')
    expect([answer.statusCode, answer.body]).toEqual([
      503,
      'database: not available\nmigrations: 2 migrations are pending',
    ])
  })

  it('tells the state and latency of each dependency as JSON', async () => {
    const { app } = await startHttp([], { checks: { database: up, broker: down } })
    const answer = await app.inject({ url: '/health', headers: { accept: 'application/json' } })
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toEqual({
      status: 'unavailable',
      dependencies: {
        database: { status: 'up', latencyMs: expect.any(Number) as number },
        broker: { status: 'down', latencyMs: expect.any(Number) as number, reason: 'not available' },
      },
    })
  })
})

describe('/ready', () => {
  it.each(bases)('%s/ready is 200 when every check passes, else 503 with the reason', async base => {
    const { app } = await startHttp([], { checks: { database: up } })
    expect((await app.inject(`${base}/ready`)).statusCode).toBe(200)
    const other = await startHttp([], { checks: { database: down } })
    const answer = await other.app.inject(`${base}/ready`)
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toMatchObject({ code: 'not-ready', detail: 'database: not available' })
    expect(answer.headers['retry-after']).toBe('1')
  })

  it('is 503 during shutdown', async () => {
    const { app } = await startHttp([], { checks: { database: up }, isStopping: () => true })
    const answer = await app.inject('/ready')
    expect(answer.json()).toMatchObject({ status: 503, detail: 'the service is stopping' })
    expect((await app.inject('/health')).statusCode).toBe(200)
  })
})

describe('checks', () => {
  it('run once however many probes ask within a second, then again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const check = vi.fn<() => Promise<void>>(up)
    const { app } = await startHttp([], { checks: { database: check } })
    await Promise.all(Array.from({ length: 20 }, () => app.inject('/health')))
    await app.inject('/orders/ready')
    expect(check).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1_100)
    await Promise.all(Array.from({ length: 20 }, () => app.inject('/health')))
    expect(check).toHaveBeenCalledTimes(2)
  })

  it('that hang fail after two seconds, without holding up the others', async () => {
    const { app } = await startHttp([], { checks: { broker: () => new Promise(() => {}), database: up } })
    const startedAt = performance.now()
    const answer = await app.inject('/health')
    expect(answer.body).toBe('broker: no answer within 2000 ms')
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  it('log a change of condition once, with its cause', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    let broken = true
    const { app, lines } = await startHttp([], { checks: { database: () => (broken ? down() : up()) } })
    const look = async () => {
      await app.inject('/ready')
      vi.advanceTimersByTime(1_100)
    }
    await look()
    await look()
    broken = false
    await look()
    await look()
    const changes = lines.filter(line => line['dependency'] === 'database')
    expect(changes.map(line => [line['level'], line['msg']])).toEqual([
      ['warn', 'database is not available'],
      ['info', 'database is available again'],
    ])
    expect(changes[0]).toMatchObject({ err: { message: expect.stringContaining('10.0.0.5') as string } })
  })
})

it('probes leave neither spans nor log lines above debug, also when they fail', async () => {
  const { app, lines, spans } = await startHttp([], { checks: { database: down } })
  await app.inject('/live')
  await app.inject('/ready')
  await app.inject('/metrics')
  expect(lines.filter(line => line['path'] !== undefined && line['level'] !== 'debug')).toEqual([])
  expect(spans).toEqual([])
})

it('scrapes that come together cost one', async () => {
  const metrics = new Registry()
  let collected = 0
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const gauge: Gauge = new Gauge({
    name: 'scrapes',
    help: 'For tests.',
    registers: [metrics],
    async collect() {
      gauge.set(++collected)
      await released
    },
  })
  const { app } = await startHttp([], { metrics })
  const scrapes = Array.from({ length: 20 }, () => app.inject('/metrics'))
  await eventually(async () => (await countOf(metrics, 'http_requests_in_flight')) === 20)
  release()
  for (const { body } of await Promise.all(scrapes)) expect(body).toContain('\nscrapes 1\n')
  expect((await app.inject('/metrics')).body).toContain('\nscrapes 2\n')
})

it('metrics are at the root alone, where no gateway route leads', async () => {
  const { app } = await startHttp([])
  const answer = await app.inject('/metrics')
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4')
  expect((await app.inject('/orders/metrics')).statusCode).toBe(404)
})
