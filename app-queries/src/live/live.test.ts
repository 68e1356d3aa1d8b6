import { newId, startService } from '@feira/chassis'
import { asAdmin, asCaller, asUser, waitUntil } from '@feira/chassis/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { service } from '../service.ts'
import { connect } from '../testing/event-client.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { orderStory } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel({ SSE_HEARTBEAT: '50ms' })
})
afterAll(() => model[Symbol.asyncDispose]())

beforeEach(() => waitUntil('all streams are closed', async () => (await openStreams()) === 0))

const follow = (headers: Record<string, string> = asAdmin()) => connect(`${model.url}/q/timeline`, headers)

async function openStreams(): Promise<number> {
  const metrics = await model.http.inject('/metrics')
  return Number(/^timeline_streams\{.*\} (\d+)$/m.exec(metrics.body)?.[1])
}

/** Writes rows that nobody is notified of. */
const write = (count: number, userId: string) =>
  model.sql(
    `insert into timeline (message_id, order_id, user_id, type, service, version, note, trace_id, published_at, projected_at)
     select gen_random_uuid(), $1, $2, 'order.paid', 'orders', n, repeat('x', 1000), repeat('0', 32), now(), now()
     from generate_series(1, $3) n`,
    newId(),
    userId,
    count,
  )

test('a silent stream shows that it is alive', async () => {
  const client = await follow()
  await waitUntil('three heartbeats have come', () => client.text.split(':\n\n').length > 3)
  expect(client.text).toMatch(/^retry: 2000\n\nid: \d+\n\n(:\n\n)+$/)
})

test('what nobody was notified of arrives a moment later', async () => {
  const client = await follow()
  await write(1, newId())
  expect(await client.types(1)).toEqual(['order.paid'])
})

test('a long history arrives whole, page after page, and what happens meanwhile after it', async () => {
  const userId = newId()
  await write(1_200, userId)
  const following = follow({ ...asUser(userId), 'last-event-id': '0' })
  await write(300, userId)
  const client = await following
  await client.types(1_500)
  const rows = await model.sql<{ id: string }>(
    'select position as id from timeline where user_id = $1 order by 1',
    userId,
  )
  expect(client.events.map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
})

test('what another replica has told already, before this one had read it, is not told again', async () => {
  const userId = newId()
  // Reads every second what nobody is notified of.
  await follow()
  await write(3, userId)
  const [last] = await model.sql<{ id: string }>('select max(position) as id from timeline')
  const client = await follow({ ...asUser(userId), 'last-event-id': last?.id ?? '' })
  await write(1, userId)
  await client.types(1)
  const rows = await model.sql<{ id: string }>('select position as id from timeline where position > $1', last?.id)
  expect(client.events.map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
})

test('streams outlive lost connections to the database, and miss nothing', async () => {
  const client = await follow()
  const lost = await model.sql(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  expect(lost.length).toBeGreaterThan(0)
  await waitUntil('the pool has new connections', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => model.sql('select pg_sleep(0.01)')))
    return asked.every(({ status }) => status === 'fulfilled')
  })
  await model.story()
  expect(await client.types(8)).toHaveLength(8)
})

test('one caller has at most ten streams, and another when one of them has ended', async () => {
  const clients = await Promise.all(Array.from({ length: 10 }, () => follow(asUser())))
  expect(await openStreams()).toBe(10)
  const ask = () => model.http.inject({ url: '/q/timeline', headers: asUser() })
  const refused = await ask()
  expect(refused.statusCode).toBe(429)
  expect(refused.headers['retry-after']).toBe('5')
  expect(refused.json()).toMatchObject({ code: 'too-many-streams' })
  await follow(asUser(newId()))
  await clients[0]?.leave()
  await waitUntil('it has gone', async () => (await openStreams()) === 10)
  await follow(asUser())
})

test('whoever leaves before the stream begins leaves nothing behind', async () => {
  const leaving = Array.from({ length: 12 }, async () => {
    const headers = { ...asUser('0193a000-0000-7000-8000-00000000000a'), accept: 'text/event-stream' }
    await fetch(`${model.url}/q/orders/${newId()}/timeline`, { headers, signal: AbortSignal.timeout(100) })
  })
  expect((await Promise.allSettled(leaving)).filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0)
  const again = asUser('0193a000-0000-7000-8000-00000000000a')
  await waitUntil('there is room for ten again', async () => {
    const answers = Array.from({ length: 10 }, () => fetch(`${model.url}/q/timeline`, { headers: again }))
    const answered = await Promise.all(answers)
    await Promise.all(answered.map(async ({ body }) => body?.cancel()))
    return answered.every(({ status }) => status === 200)
  })
})

test('a stream ends when its token expires', async () => {
  const client = await follow(asCaller({ sub: newId() }, { expiresIn: 2 }))
  const startedAt = performance.now()
  await client.ended
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  expect(client.text).toContain(':\n\n')
})

test('a service that stops ends its streams at once and begins no others', async () => {
  const other = await startService(service, model.env)
  const client = await connect(`${other.url}/q/timeline`, asUser())
  const { orderId, messages } = orderStory()
  const headers = { ...asAdmin(), accept: 'text/event-stream' }
  const waiting = fetch(`${other.url}/q/orders/${orderId}/timeline`, { headers })
  await waitUntil('it waits for its order', async () => {
    const { body } = await other.http.inject('/metrics')
    // The stream, the one that waits, and this one.
    return /^http_requests_in_flight\{.*\} 3$/m.test(body)
  })
  const startedAt = performance.now()
  const stopped = other.stop()
  await client.ended
  expect(performance.now() - startedAt).toBeLessThan(1_000)
  await model.told(...messages)
  expect(await (await waiting).json()).toMatchObject({ status: 503, code: 'overloaded' })
  await stopped
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})
