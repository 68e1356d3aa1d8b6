import { connect } from 'amqplib'
import { expect, test } from 'vitest'
import { closeCode, Inbox, refusal, until, type Bench } from './broker-bench.ts'

export function topologyTests(bench: () => Bench): void {
  test('a queue declared again tells its messages and consumers', async () => {
    const queue = await bench().queue()
    await bench().send(queue, ['a', 'b'])
    expect(await bench().channel.checkQueue(queue)).toEqual({ queue, messageCount: 2, consumerCount: 0 })
    await Inbox.open(bench().channel, queue)
    await until('the consumer', async () => (await bench().channel.checkQueue(queue)).consumerCount === 1)
    expect(await bench().channel.assertQueue(queue, { durable: true })).toMatchObject({ queue, messageCount: 0 })
  })

  test.each([
    ['checkQueue', async (b: Bench) => (await b.open()).checkQueue(b.queueName())],
    ['checkExchange', async (b: Bench) => (await b.open()).checkExchange(b.exchangeName())],
    ['consume', async (b: Bench) => (await b.open()).consume(b.queueName(), () => {})],
    ['get', async (b: Bench) => (await b.open()).get(b.queueName())],
    ['purge', async (b: Bench) => (await b.open()).purgeQueue(b.queueName())],
    ['bind to a missing exchange', async (b: Bench) => (await b.open()).bindQueue(await b.queue(), 'none', '#')],
    ['bind a missing queue', async (b: Bench) => (await b.open()).bindQueue(b.queueName(), 'amq.topic', '#')],
  ])('%s of what is not there is refused with 404', async (_name, operation) => {
    expect(await refusal(operation(bench()))).toBe(404)
    expect(await bench().queue()).toBeTruthy()
  })

  test('deleting what is not there is no error', async () => {
    expect(await bench().channel.deleteQueue(bench().queueName())).toEqual({ messageCount: 0 })
    await bench().channel.deleteExchange(bench().exchangeName())
  })

  const base = { 'x-message-ttl': 60_000, 'x-dead-letter-exchange': '' }
  test.each([
    ['another ttl', { 'x-message-ttl': 1_000, 'x-dead-letter-exchange': '' }, {}],
    ['a missing argument', { 'x-message-ttl': 60_000 }, {}],
    ['one argument more', { ...base, 'x-max-length': 5 }, {}],
    ['another type', { ...base, 'x-queue-type': 'quorum' }, {}],
    ['durable: false', base, { durable: false }],
    ['autoDelete: true', base, { autoDelete: true }],
  ])('a queue declared again with %s is refused with 406', async (_name, args, options) => {
    const queue = await bench().queue(base)
    const channel = await bench().open()
    expect(await refusal(channel.assertQueue(queue, { durable: true, arguments: args, ...options }))).toBe(406)
    await bench().channel.assertQueue(queue, { durable: true, arguments: { ...base, 'x-queue-type': 'classic' } })
  })

  test.each([
    ['a ttl that is no number', { 'x-message-ttl': 'abc' }, {}],
    ['a negative ttl', { 'x-message-ttl': -1 }, {}],
    ['an unknown type', { 'x-queue-type': 'nope' }, {}],
    ['an unknown overflow', { 'x-overflow': 'nope' }, {}],
    ['a delivery limit on a classic queue', { 'x-delivery-limit': 3 }, {}],
    ['a dead-letter key without exchange', { 'x-dead-letter-routing-key': 'a' }, {}],
    ['priorities on a quorum queue', { 'x-queue-type': 'quorum', 'x-max-priority': 3 }, {}],
    ['a quorum queue that is not durable', { 'x-queue-type': 'quorum' }, { durable: false }],
    ['an exclusive quorum queue', { 'x-queue-type': 'quorum' }, { exclusive: true }],
  ])('%s is refused with 406', async (_name, args, options) => {
    const channel = await bench().open()
    const declared = channel.assertQueue(bench().queueName(), { durable: true, arguments: args, ...options })
    expect(await refusal(declared)).toBe(406)
  })

  test('an exchange declared again with another type or durability is refused with 406', async () => {
    const exchange = await bench().exchange('topic')
    expect(await refusal((await bench().open()).assertExchange(exchange, 'direct'))).toBe(406)
    expect(await refusal((await bench().open()).assertExchange(exchange, 'topic', { durable: false }))).toBe(406)
    await bench().channel.assertExchange(exchange, 'topic')
  })

  test('names under amq. and the default exchange are refused with 403', async () => {
    expect(await refusal((await bench().open()).assertQueue('amq.mine'))).toBe(403)
    expect(await refusal((await bench().open()).assertExchange('amq.mine', 'topic'))).toBe(403)
    expect(await refusal((await bench().open()).deleteExchange('amq.topic'))).toBe(403)
    expect(await refusal((await bench().open()).bindQueue(await bench().queue(), '', 'key'))).toBe(403)
  })

  test('an unknown exchange type closes the connection with 503', async () => {
    const connection = await bench().connect()
    const code = closeCode(connection)
    const channel = await bench().open(connection)
    channel.assertExchange(bench().exchangeName(), 'nope').catch(() => {})
    expect(await code).toBe(503)
  })

  test('a server-named exclusive queue belongs to its connection and goes with it', async () => {
    const owner = await bench().connect()
    const { queue } = await (await bench().open(owner)).assertQueue('', { exclusive: true })
    expect(queue).toMatch(/^amq\.gen-/)
    expect(await refusal((await bench().open()).checkQueue(queue))).toBe(405)
    expect(await refusal((await bench().open()).consume(queue, () => {}))).toBe(405)
    await owner.close()
    await expect.poll(async () => refusal((await bench().open()).checkQueue(queue))).toBe(404)
  })

  test('an auto-delete queue goes with its last consumer', async () => {
    const queue = await bench().queue({}, { autoDelete: true })
    const [one, two] = [await Inbox.open(bench().channel, queue), await Inbox.open(bench().channel, queue)]
    await one.cancel()
    expect(await bench().channel.checkQueue(queue)).toMatchObject({ consumerCount: 1 })
    await two.cancel()
    await expect.poll(async () => refusal((await bench().open()).checkQueue(queue))).toBe(404)
  })

  test('ifEmpty, ifUnused and exchange use are minded when deleting', async () => {
    const [queue, exchange] = [await bench().queue(), await bench().exchange('topic')]
    await bench().channel.bindQueue(queue, exchange, '#')
    await bench().send(queue, ['a'])
    expect(await refusal((await bench().open()).deleteQueue(queue, { ifEmpty: true }))).toBe(406)
    expect(await refusal((await bench().open()).deleteExchange(exchange, { ifUnused: true }))).toBe(406)
    await Inbox.open(bench().channel, queue)
    expect(await refusal((await bench().open()).deleteQueue(queue, { ifUnused: true }))).toBe(406)
    await (await bench().open()).deleteQueue(queue)
    await (await bench().open()).deleteExchange(exchange, { ifUnused: true })
  })

  test('purging removes what no consumer holds', async () => {
    const queue = await bench().queue()
    const other = await bench().open()
    await bench().send(queue, ['held', 'b', 'c'])
    await other.get(queue)
    expect(await bench().channel.purgeQueue(queue)).toEqual({ messageCount: 2 })
    await other.close()
    await bench().untilReady(queue, 1)
  })

  test('a wrong password is refused with 403', async () => {
    const url = new URL(bench().url)
    url.password = 'wrong'
    await expect(connect(url.href)).rejects.toThrow(/403.*ACCESS[_-]REFUSED/)
  })

  test('an unknown virtual host is refused', async () => {
    await expect(connect(`${bench().url}/nowhere`)).rejects.toThrow('ConnectionClose')
  })
}
