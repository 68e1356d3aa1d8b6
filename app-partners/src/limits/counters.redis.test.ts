import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { connectRedis, startService } from '@feira/chassis'
import { answers } from '@feira/chassis/testing'
import { expect, onTestFinished, test } from 'vitest'
import { service } from '../service.ts'
import { openPartnership, type Partnership } from '../testing/partnership.ts'

const REDIS_URL = 'redis://127.0.0.1:6379'
const hasRedis = await answers(6379)

/** The service with this Redis; what it leaves there is removed in the end. */
async function openWith(url: string): Promise<Partnership> {
  const partnership = await openPartnership({ REDIS_URL: url, PARTNER_LIMIT_PER_SECOND: '1000' })
  onTestFinished(async () => {
    await partnership[Symbol.asyncDispose]()
    if (!hasRedis) return
    const { log } = partnership.resources
    const redis = await connectRedis(REDIS_URL, { name: 'feira test', log, whenAway: 'nothing is removed' })
    const keys = await redis.keys(`${partnership.env['BROKER_NAMESPACE']}*`)
    if (keys.length > 0) await redis.del(...keys)
    redis.disconnect()
  })
  return partnership
}

/** Stands before Redis, and can fall silent. */
async function openGate() {
  const sockets: Socket[] = []
  let silent = false
  const server = createServer(client => {
    const redis = connect(6379, '127.0.0.1')
    sockets.push(client, redis)
    for (const [from, to] of [[client, redis], [redis, client]] as const) // prettier-ignore
      from.on('data', chunk => silent || to.write(chunk)).on('error', () => to.destroy()).on('close', () => to.destroy()) // prettier-ignore
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set silent(value: boolean) {
      silent = value
    },
  }
}

const counted = ({ sql }: Partnership) => sql<{ key: string }>('select key from rate_limits')

test.runIf(hasRedis)('two replicas count together in Redis, and PostgreSQL has no work with it', async () => {
  const partnership = await openWith(REDIS_URL)
  const other = await startService(service, { ...partnership.env, PORT: '0' })
  onTestFinished(() => other.stop())
  const { headers } = await partnership.giveKey(await partnership.create())
  const calls = Array.from({ length: 110 }, (_, n) =>
    (n % 2 === 0 ? partnership : other).http.inject({ url: '/events', headers }),
  )
  const answers = await Promise.all(calls)
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(100)
  const refused = answers.find(({ statusCode }) => statusCode === 429)
  expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(50)
  expect(await counted(partnership)).toEqual([])
})

test.runIf(hasRedis)('after Retry-After a burst counted in Redis passes again', async () => {
  const partnership = await openWith(REDIS_URL)
  const { headers } = await partnership.giveKey(await partnership.create({ limitPerSecond: 1 }))
  await partnership.call(headers)
  const refused = await partnership.call(headers)
  expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '1'])
  await new Promise(resolve => void setTimeout(resolve, 1_000))
  expect((await partnership.call(headers)).statusCode).toBe(200)
})

test.runIf(hasRedis)('a Redis that falls silent costs a moment, and PostgreSQL counts', async () => {
  const gate = await openGate()
  const partnership = await openWith(gate.url)
  const { headers } = await partnership.giveKey(await partnership.create({ limitPerMinute: 5 }))
  expect((await partnership.call(headers)).headers['ratelimit-remaining']).toBe('4')
  expect(await counted(partnership)).toEqual([])
  gate.silent = true
  const startedAt = performance.now()
  const answers = []
  for (let n = 0; n < 6; n++) answers.push((await partnership.call(headers)).statusCode)
  expect(answers).toEqual([200, 200, 200, 200, 200, 429])
  // At 500 ms for both counts of a request, and then at none.
  expect(performance.now() - startedAt).toBeLessThan(4_000)
  expect(await counted(partnership)).toHaveLength(2)
})

test('without its Redis a service starts, and PostgreSQL counts', async () => {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  await new Promise(resolve => void free.close(resolve))
  const partnership = await openWith(`redis://127.0.0.1:${port}`)
  const { headers } = await partnership.giveKey(await partnership.create({ limitPerMinute: 2 }))
  const answers = []
  for (let n = 0; n < 3; n++) answers.push((await partnership.call(headers)).statusCode)
  expect(answers).toEqual([200, 200, 429])
})
