import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { request } from './harness/http.ts'
import { run } from './harness/program.ts'
import { TcpProxy } from './harness/tcp-proxy.ts'
import { TraceCollector } from './harness/trace-collector.ts'
import { until } from './harness/until.ts'

// Each command is a program of its own, a second's work for a processor.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 90_000 })

const services = ['users', 'orders', 'invoices'] as const

let broker: TcpProxy
let collector: TraceCollector
let feira: Feira

beforeAll(async () => {
  broker = await TcpProxy.to(inject('brokerUrl'))
  collector = await TraceCollector.start()
  feira = await Feira.start({
    databaseUrl: inject('databaseUrl'),
    brokerUrl: `${inject('brokerUrl')}?heartbeat=2`,
    services,
    network: { broker },
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
  })
})
afterEach(() => broker.restore())
afterAll(async () => {
  await feira?.tearDown()
  await broker?.close()
  await collector?.stop()
})

/** Runs a command of `local` on the system. */
function command(...args: readonly string[]) {
  const ports = services.map(name => [`${name.toUpperCase()}_PORT`, String(feira.service(name).port)])
  const env = { SERVICES: services.join(), GATEWAY_PORT: new URL(feira.url).port, ...Object.fromEntries(ports) }
  return run(['local/start.mjs', ...args], env)
}

interface Finding {
  readonly check: string
  readonly verdict: string
  readonly says: string
}

async function diagnose() {
  const { code, output } = await command('doctor', '--json', '--jaeger', collector.url)
  const { findings, exitCode } = JSON.parse(output) as { findings: readonly Finding[]; exitCode: number }
  expect(code).toBe(exitCode)
  return { code, findings, wrong: findings.filter(({ verdict }) => verdict === 'wrong') }
}

const ready = (name: (typeof services)[number], status: number) =>
  until(
    `app-${name} answers ${status}`,
    async () => (await request(`${feira.service(name).url}/ready`)).status === status,
  )

describe('npm run doctor', () => {
  test('finds nothing wrong with a system that is well, and has looked at all of it', async () => {
    const { code, findings } = await diagnose()
    expect(findings.filter(({ verdict }) => ['wrong', 'warning'].includes(verdict))).toEqual([])
    const fine = findings.filter(({ verdict }) => verdict === 'ok').map(({ check }) => check)
    const expected = ['Node', 'gateway', ...services.map(name => `app-${name}`), 'dead letters', 'outboxes']
    expect(fine).toEqual(expect.arrayContaining([...expected, 'orders', 'calls', 'tokens', 'traces', 'clocks']))
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'traces', says: expect.stringContaining('of 3 services arrive') }),
    )
    expect(code).not.toBe(1)
  })

  test('misses traces that do not arrive', async () => {
    collector.lossy = true
    onTestFinished(() => void (collector.lossy = false))
    expect((await diagnose()).wrong).toEqual([
      expect.objectContaining({
        check: 'traces',
        says: expect.stringContaining('users, orders, invoices do not arrive'),
      }),
    ])
  })

  test('names a service that was killed, and another program on its port', async () => {
    await feira.invoices.kill()
    expect((await diagnose()).wrong).toEqual([
      expect.objectContaining({ check: 'app-invoices', says: expect.stringContaining('nothing listens there') }),
    ])

    const other = createServer((_request, response) => void response.end('It works!'))
    other.listen(feira.invoices.port, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    expect((await diagnose()).wrong).toEqual([
      expect.objectContaining({ check: 'app-invoices', says: expect.stringContaining('another program') }),
    ])
    other.closeAllConnections()
    other.close()
    await feira.invoices.start({}, '/ready')
  })

  test('names a service that hangs', async () => {
    feira.invoices.program.signal('SIGSTOP')
    onTestFinished(() => feira.invoices.program.signal('SIGCONT'))
    expect((await diagnose()).wrong).toContainEqual(
      expect.objectContaining({ check: 'app-invoices', says: expect.stringContaining('it hangs') }),
    )
  })

  test('tells of each service that the broker is away', async () => {
    await broker.refuse()
    for (const name of services) await ready(name, 503)
    const { wrong } = await diagnose()
    for (const name of services)
      expect(wrong).toContainEqual(
        expect.objectContaining({ check: `app-${name}`, says: expect.stringMatching(/^not ready: broker: /) }),
      )
    await broker.restore()
    for (const name of services) await ready(name, 200)
  })
})

describe('npm run dlq', () => {
  afterEach(heal)

  const cursed = 66_601

  /** Makes app-invoices fail with every order over one amount. */
  const curse = () =>
    feira.databases.invoices.rows(`
      create function fail() returns trigger language plpgsql as $$ begin
        if new.total_cents = ${cursed} then raise exception 'order % is cursed', new.order_id; end if;
        return new;
      end $$;
      create trigger fail before insert on invoices for each row execute function fail()`)

  function heal() {
    return feira.databases.invoices.rows('drop function if exists fail cascade')
  }

  const invoicesOver = async () =>
    (await feira.databases.invoices.rows('select from invoices where total_cents = $1', [cursed])).length

  async function groupsOf(service: (typeof services)[number]) {
    const { body } = await request(`${feira.service(service).url}/ops/dead-letters`, { headers: feira.admin })
    return (body as { groups: readonly { count: number; fingerprint: string }[] }).groups
  }

  /** Waits until so many messages of app-invoices are dead. @returns what is listed then. */
  async function deaths(expected: number): Promise<string> {
    await until(`${expected} are dead`, async () => {
      const groups = await groupsOf('invoices')
      return groups.reduce((sum, { count }) => sum + count, 0) === expected
    })
    return (await command('dlq', '--service', 'invoices')).output
  }

  test('shows what died, and brings it back once its cause is mended', async () => {
    await curse()
    await Promise.all([1, 2, 3].map(() => feira.book.placeOne({ totalCents: cursed })))
    const listed = await deaths(3)
    expect(listed).toMatch(/3 × order\.created in \S*invoices\.on-order-created .*\n +attempts-exhausted: .*is cursed/)
    expect((await diagnose()).wrong).toMatchObject([{ check: 'dead letters', says: expect.stringContaining('3 ×') }])

    const fingerprint = /fingerprint (\w+)/.exec(listed)?.[1] ?? ''
    const newest = /newest (\S+)/.exec(listed)?.[1] ?? ''
    const shown = await command('dlq', 'show', newest)
    expect(shown.output).toMatch(/^type +order\.created$/m)
    expect(shown.output).toMatch(/^payload +\{.*"totalCents":66601/m)

    await heal()
    const cause = ['--fingerprint', fingerprint]
    expect(await command('dlq', 'replay', ...cause, '--dry-run')).toMatchObject({
      code: 0,
      output: 'app-invoices: 3 would go back to their queues\n',
    })
    expect(await invoicesOver()).toBe(0)
    expect(await command('dlq', 'replay', newest)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^order\.created goes back to \S*invoices\.on-order-created\.$/m),
    })
    await until('one has its invoice', async () => (await invoicesOver()) === 1)
    expect(await command('dlq', 'replay', newest)).toMatchObject({ code: 1, output: expect.stringMatching('already') })
    expect(await command('dlq', 'replay', '--all')).toMatchObject({
      code: 0,
      output: expect.stringMatching('2 go back'),
    })
    await until('all have their invoices', async () => (await invoicesOver()) === 3)
  })

  test('deletes what can never be handled', async () => {
    const poison = () => ({ body: '{', options: { messageId: randomUUID() } })
    await feira.broker.publish([poison(), poison(), poison()])
    const listed = await deaths(3)
    expect(listed).toContain('3 × order.created')
    const newest = /newest (\S+)/.exec(listed)?.[1] ?? ''
    const fingerprint = /fingerprint (\w+)/.exec(listed)?.[1] ?? ''
    expect(await command('dlq', 'replay', newest)).toMatchObject({
      code: 1,
      output: expect.stringMatching('malformed'),
    })
    expect(await command('dlq', 'delete', newest)).toMatchObject({ code: 0 })
    expect(await command('dlq', 'show', newest)).toMatchObject({
      code: 1,
      output: `There is no dead letter ${newest}.\n`,
    })
    expect(await command('dlq', 'delete', '--fingerprint', fingerprint)).toMatchObject({
      code: 0,
      output: 'app-invoices: 2 deleted\n',
    })
    // app-users hears of orders, too.
    const [ofUsers] = await groupsOf('users')
    expect(await command('dlq', 'delete', '--fingerprint', ofUsers?.fingerprint ?? '')).toMatchObject({
      output: 'app-users: 3 deleted\n',
    })
  })

  test('goes on without a service that is away, and says so', async () => {
    await feira.orders.stop()
    const { code, output } = await command('dlq')
    expect(code).toBe(1)
    expect(output).toMatch(/No dead letters in users, invoices\.\napp-orders: .*nothing listens there/)
    await feira.orders.start({}, '/ready')
  })
})
