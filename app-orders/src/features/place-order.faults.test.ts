import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { newId } from '@feira/chassis'
import { asUser, createTestDatabase, startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { describe, expect, inject, test } from 'vitest'
import { service } from '../service.ts'

interface Sent {
  readonly amount: number
  readonly key: string | undefined
}

/** Requests of different amounts, by which an order shows whose it is; every second one has an Idempotency-Key. */
const requests = (count: number): Sent[] =>
  Array.from({ length: count }, (_, index) => ({ amount: index + 1, key: index % 2 ? newId() : undefined }))

const place = (orders: TestService, { amount, key }: Sent) =>
  orders.http.inject({
    method: 'POST',
    url: '/orders',
    payload: { amount },
    headers: { ...asUser(), ...(key === undefined ? {} : { 'idempotency-key': key }) },
  })

type Answer = Awaited<ReturnType<typeof place>>

interface Order {
  readonly id: string
  readonly amount: number
}

/** Expects that what was accepted is there once, and that nothing is there that was refused for good. */
async function expectExactlyOnce(orders: TestService, answers: readonly Answer[]) {
  const { rows } = await orders.resources.query<{ id: string; amount: number; versions: number; messages: number }>({
    text: `select id, total_cents::int / 100 as amount,
             (select count(*)::int from order_history where order_id = id) as versions,
             (select count(*)::int from chassis.outbox where aggregate_id = orders.id::text) as messages
           from orders`,
  })
  const ids = new Map(rows.map(({ amount, id }) => [amount, id]))
  expect(ids.size, 'orders of the same request').toBe(rows.length)
  expect(rows.filter(({ versions, messages }) => versions !== 1 || messages !== 1)).toEqual([])
  expect(answers.map(({ statusCode }) => statusCode).filter(status => status !== 201 && status !== 503)).toEqual([])
  const accepted = answers.filter(({ statusCode }) => statusCode === 201).map(answer => answer.json<Order>())
  expect(accepted.map(({ amount, id }) => ({ amount, id }))).toEqual(
    accepted.map(({ amount }) => ({ amount, id: ids.get(amount) })),
  )
  const { rows: totals } = await orders.resources.query({
    text: `select (select count(*)::int from order_history) as history, 
             (select count(*)::int from chassis.outbox where type = 'order.created') as messages`,
  })
  expect(totals).toEqual([{ history: rows.length, messages: rows.length }])
  return rows.length
}

describe.concurrent('while connections to the database break', () => {
  // Slow enough to be hit in the middle.
  const slow = `
    create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(0.02); return null; end $$;
    create trigger linger after insert on orders for each statement execute function linger()`

  /** Ends every other connection of the service. @returns how many of them were writing orders. */
  async function breakConnections(orders: TestService): Promise<number> {
    const { rows } = await orders.resources.query<{ writing: number }>({
      text: `select count(*) filter (where state = 'active' and query like 'with input%')::int as writing from (
               select state, query, pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()) as ended`,
    })
    return rows[0]?.writing ?? 0
  }

  test('every accepted order is there exactly once, and repeated requests find it', async () => {
    await using orders = await startTestService(service)
    await orders.resources.query({ text: slow })
    const placed: { readonly request: Sent; readonly answer: Answer }[] = []
    const sent = requests(10_000).values()
    let hits = 0
    const enough = () => hits >= 6 && placed.some(({ answer }) => answer.statusCode === 201)
    const keepPlacing = async () => {
      for (const request of sent) {
        placed.push({ request, answer: await place(orders, request) })
        if (enough()) return
      }
    }
    const placing = Promise.all(Array.from({ length: 40 }, keepPlacing))
    await waitUntil('six statements were hit, and some were not', async () => {
      if (hits < 6) hits += await breakConnections(orders).catch(() => 0)
      return enough()
    })
    await placing
    await expectExactlyOnce(
      orders,
      placed.map(({ answer }) => answer),
    )

    const keyed = placed.filter(({ request }) => request.key !== undefined)
    const repeated = await Promise.all(keyed.map(({ request }) => place(orders, request)))
    expect(repeated.map(({ statusCode }) => statusCode)).toEqual(keyed.map(() => 201))
    const others = keyed.filter(
      ({ answer }, index) => answer.statusCode === 201 && answer.body !== repeated[index]?.body,
    )
    expect(others).toEqual([])
    const sameRequest = 'select total_cents from orders group by total_cents having count(*) > 1'
    expect((await orders.resources.query({ text: sameRequest })).rows).toEqual([])
  })

  test('an order whose commit was not heard of is neither lost nor written again', async () => {
    const database = await createTestDatabase(service)
    await using cleanup = new AsyncDisposableStack()
    cleanup.defer(() => database.drop())
    const proxy = cleanup.use(await startProxy(database.url))
    const orders = cleanup.use(await startTestService(service, { DATABASE_URL: proxy.url }))
    const sent = requests(40)
    const answers: Answer[] = []
    for (let wave = 0; wave < sent.length; wave += 8) {
      proxy.cutNextReply()
      answers.push(...(await Promise.all(sent.slice(wave, wave + 8).map(request => place(orders, request)))))
    }
    expect(proxy.cut()).toBe(5)
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(sent.map(() => 201))
    expect(await expectExactlyOnce(orders, answers)).toBe(40)
  })
})

interface Proxy extends AsyncDisposable {
  readonly url: string
  /** The next connection on which orders are written breaks when the database answers, so after its commit. */
  cutNextReply(): void
  cut(): number
}

async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  let armed = false
  let cut = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer(client => {
    const upstream = connect({ host: hostname, port: Number(port) })
    let doomed = false
    client.on('data', data => {
      if (armed && data.includes('place-order')) {
        armed = false
        doomed = true
      }
      upstream.write(data)
    })
    upstream.on('data', data => {
      if (!doomed) return client.write(data)
      if (!client.destroyed) cut++
      return client.destroy()
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {}).on('close', () => other.destroy())
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    cutNextReply: () => (armed = true),
    cut: () => cut,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

describe.concurrent('while the database takes no connections', () => {
  test.each([
    ['for maintenance', 'allow_connections false', 'allow_connections true'],
    ['because there are too many', 'connection limit 0', 'connection limit -1'],
  ])('%s, requests are answered with 503 and when to come again; then all is as before', async (_why, close, open) => {
    await using orders = await startTestService(service)
    await using cleanup = new AsyncDisposableStack()
    const admin = cleanup.adopt(drizzle(inject('databaseUrl')), ({ $client }) => $client.end())
    const before = await place(orders, { amount: 1, key: undefined })
    const name = new URL(orders.env['DATABASE_URL'] as string).pathname.slice(1)
    const alter = (change: string) => admin.execute(sql.raw(`alter database "${name}" with ${change}`))
    await alter(close)
    await admin.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`)

    const url = before.headers.location as string
    const answers = await Promise.all([
      place(orders, { amount: 2, key: newId() }),
      orders.http.inject({ url, headers: asUser() }),
    ])
    for (const answer of answers) {
      expect(answer.statusCode, answer.body).toBe(503)
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
      expect(answer.json()).toMatchObject({ code: 'dependency-unavailable' })
      expect(answer.body).not.toContain(name)
    }
    expect((await orders.http.inject('/ready')).statusCode).toBe(503)
    expect((await orders.http.inject('/live')).statusCode).toBe(200)

    await alter(open)
    expect((await place(orders, { amount: 3, key: undefined })).statusCode).toBe(201)
    expect((await orders.http.inject({ url, headers: asUser() })).body).toBe(before.body)
    await waitUntil('it is ready', async () => (await orders.http.inject('/ready')).statusCode === 200)
    const { rows } = await orders.resources.query({ text: 'select total_cents from orders order by 1' })
    expect(rows).toEqual([{ total_cents: '100' }, { total_cents: '300' }])
  })
})
