import { mkdtemp, chmod, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, type EmbeddedPostgres } from '@feira/local/src/postgres/index.ts'
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { request } from './harness/http.ts'
import { TcpProxy } from './harness/tcp-proxy.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let directory: string
let postgres: EmbeddedPostgres
let proxy: TcpProxy
let feira: Feira

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'feira-database-away-'))
  await chmod(directory, 0o755)
  postgres = await startPostgres({ dataDirectory: join(directory, 'postgres'), port: 0 })
  proxy = await TcpProxy.to(postgres.url)
  feira = await Feira.start({
    databaseUrl: postgres.url,
    brokerUrl: inject('brokerUrl'),
    network: { database: proxy },
  })
})
afterEach(async () => {
  await feira.book.stopPlacing()
  await proxy.restore()
})
afterAll(async () => {
  await feira?.tearDown()
  await proxy?.close()
  await postgres?.stop()
  await rm(directory, { recursive: true, force: true })
})

/** Whatever was not accepted since then was refused in a way that a client can act on. */
function expectHonestRefusals(since: number): void {
  const refused = feira.book.answers.slice(since).filter(({ status }) => status !== 201)
  expect(refused.length).toBeGreaterThan(0)
  for (const { status, headers, body } of refused) {
    expect(status).toBe(503)
    expect(headers?.get('content-type')).toContain('application/problem+json')
    expect(headers?.get('retry-after')).toMatch(/^\d+$/)
    expect(body).toMatchObject({ status: 503, code: expect.any(String) })
    expect(JSON.stringify(body)).not.toMatch(/select|insert|ECONN|pg_|node_modules/)
  }
}

async function expectNotReady(): Promise<void> {
  for (const { url, name } of [feira.orders, feira.invoices]) {
    await until(`app-${name} is not ready`, async () => (await request(`${url}/ready`)).status === 503)
    expect((await request(`${url}/ready`)).body).toMatchObject({ detail: expect.stringContaining('database: ') })
    expect((await request(`${url}/live`)).status).toBe(200)
    expect((await request(`${url}/metrics`)).status).toBe(200)
  }
}

const alive = () => [feira.orders.program.running, feira.invoices.program.running]

test('a restart of PostgreSQL under load loses nothing, and no service dies of it', async () => {
  const since = feira.book.answers.length
  feira.book.keepPlacing()
  await until('orders are accepted', () => feira.book.accepted.length > 50)
  await postgres.stop()
  await expectNotReady()
  await until('customers are turned away', () => feira.book.answers.at(-1)?.status === 503)
  postgres = await startPostgres({ dataDirectory: join(directory, 'postgres'), port: postgres.port })
  const { length } = feira.book.accepted
  await until('orders are accepted again', () => feira.book.accepted.length > length + 20)
  await feira.book.stopPlacing()

  expect(alive()).toEqual([true, true])
  expectHonestRefusals(since)
  await feira.book.insist()
  await verify(feira)
  // The connection that a service listens on may find its broker later than the one that it publishes on.
  for (const { name, url } of [feira.orders, feira.invoices])
    await until(`app-${name} is ready`, async () => (await request(`${url}/ready`)).status === 200)
})

test('terminated backends cost at most a retry', async () => {
  feira.book.keepPlacing()
  for (let round = 1; round <= 5; round++) {
    const { length } = feira.book.accepted
    await until('orders are accepted', () => feira.book.accepted.length > length + 20)
    for (const database of Object.values(feira.databases)) {
      await until('backends are terminated', async () => {
        const rows = await database.rows(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid()`,
        )
        return rows.length > 0
      })
    }
  }
  await feira.book.stopPlacing()
  expect(alive()).toEqual([true, true])
  await feira.book.insist()
  await verify(feira)
})

test('connections that break at any moment leave nothing half done', async () => {
  feira.book.keepPlacing()
  for (let round = 1; round <= 8; round++) {
    const { length } = feira.book.accepted
    await until('orders are accepted', () => feira.book.accepted.length > length + 10)
    expect(proxy.reset()).toBeGreaterThan(0)
  }
  await feira.book.stopPlacing()
  expect(alive()).toEqual([true, true])
  await feira.book.insist()
  await verify(feira)
})

test('while PostgreSQL refuses connections customers are told when to come back', async () => {
  const since = feira.book.answers.length
  await proxy.refuse()
  await feira.book.placeMany({ count: 4, clients: 4 })
  expect(feira.book.answers.slice(since).map(({ status }) => status)).toEqual([503, 503, 503, 503])
  await expectNotReady()
  expectHonestRefusals(since)
  await proxy.restore()
  await feira.book.insist()
  expect(alive()).toEqual([true, true])
  await verify(feira)
})
