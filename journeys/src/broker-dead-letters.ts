import type { ConsumeMessage } from 'amqplib'
import { expect, test } from 'vitest'
import { Inbox, text, type Bench } from './broker-bench.ts'

export function deadLetterTests(bench: () => Bench): void {
  test('a rejected message goes to the dead-letter exchange with its history', async () => {
    const [source, exchange, dead] = [
      await bench().exchange('topic'),
      await bench().exchange('topic'),
      await bench().queue(),
    ]
    const queue = await bench().queue({ 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': 'buried' })
    await bench().channel.bindQueue(queue, source, '#')
    await bench().channel.bindQueue(dead, exchange, 'buried')
    await Inbox.open(bench().channel, queue, message => bench().channel.nack(message, false, false))
    bench().publisher.publish(source, 'order.bad', Buffer.from('x'), { messageId: 'id', headers: { own: 1 } })
    const { content, fields, properties } = await bench().fetch(dead)
    expect(content.toString()).toBe('x')
    expect(fields).toMatchObject({ exchange, routingKey: 'buried', redelivered: false })
    expect(properties.messageId).toBe('id')
    expect(properties.headers).toEqual({
      own: 1,
      'x-first-death-exchange': source,
      'x-first-death-queue': queue,
      'x-first-death-reason': 'rejected',
      'x-death': [
        {
          count: 1,
          reason: 'rejected',
          queue,
          exchange: source,
          'routing-keys': ['order.bad'],
          time: { '!': 'timestamp', value: expect.any(Number) as number },
        },
      ],
    })
  })

  test('several rejected at once keep their order', async () => {
    const dead = await bench().queue()
    const queue = await bench().queue(deadLetterTo(dead))
    const channel = await bench().open()
    await bench().send(queue, ['a', 'b', 'c'])
    const [, , third] = await (await Inbox.open(channel, queue)).until(3)
    channel.nack(third!, true, false)
    expect([text(await bench().fetch(dead)), text(await bench().fetch(dead))]).toEqual(['a', 'b'])
  })

  test('without a routing key of its own the dead letter keeps the message’s', async () => {
    const [exchange, dead] = [await bench().exchange('direct'), await bench().queue()]
    const queue = await bench().queue({ 'x-dead-letter-exchange': exchange })
    await bench().channel.bindQueue(dead, exchange, queue)
    await bench().send(queue, ['x'])
    const fetched = await bench().channel.get(queue)
    bench().channel.reject(fetched as never, false)
    expect((await bench().fetch(dead)).fields).toMatchObject({ exchange, routingKey: queue })
  })

  test('retry queues bring messages back after their own time each', async () => {
    const queue = await bench().queue()
    const [slow, fast] = [await bench().queue(retryTo(queue, 600)), await bench().queue(retryTo(queue, 150))]
    const started = Date.now()
    await bench().send(slow, ['slow'], { headers: { 'x-attempt': 2 } })
    await bench().send(fast, ['fast'], { headers: { 'x-attempt': 1 } })
    const arrivals: number[] = []
    const inbox = await Inbox.open(bench().channel, queue, () => arrivals.push(Date.now() - started), { noAck: true })
    const [first, second] = await inbox.until(2)
    expect(inbox.texts).toEqual(['fast', 'slow'])
    expect(arrivals[0]).toBeGreaterThanOrEqual(145)
    expect(arrivals[1]).toBeGreaterThanOrEqual(595)
    expect(arrivals[0]).toBeLessThan(595)
    expect(headersOf(first!)).toMatchObject({ 'x-attempt': 1, 'x-first-death-reason': 'expired' })
    expect(headersOf(second!)).toMatchObject({
      'x-attempt': 2,
      'x-death': [{ queue: slow, reason: 'expired', count: 1 }],
    })
  })

  test('a message that goes round twice has one history entry per queue and reason, counted', async () => {
    const [queueName, retryName] = [bench().queueName(), bench().queueName()]
    await bench().channel.assertQueue(queueName, { durable: true, arguments: deadLetterTo(retryName) })
    await bench().channel.assertQueue(retryName, { durable: true, arguments: retryTo(queueName, 20) })
    await bench().send(queueName, ['x'])
    const channel = await bench().open()
    const inbox = await Inbox.open(channel, queueName, (message, index) => {
      if (index < 2) channel.nack(message, false, false)
      else channel.ack(message)
    })
    const [, , third] = await inbox.until(3)
    expect(headersOf(third!)).toMatchObject({
      'x-first-death-reason': 'rejected',
      'x-first-death-queue': queueName,
      'x-death': [
        { queue: retryName, reason: 'expired', count: 2 },
        { queue: queueName, reason: 'rejected', count: 2 },
      ],
    })
  })

  test('a message that would go round by itself for ever is dropped', async () => {
    const name = bench().queueName()
    await bench().channel.assertQueue(name, { durable: true, arguments: retryTo(name, 30) })
    await bench().send(name, ['x'])
    await bench().untilReady(name, 0)
    await bench().send(name, ['y'])
    expect(text(await bench().fetch(name))).toBe('y')
  })

  test('a message expires by its own time, which is taken off the dead letter', async () => {
    const dead = await bench().queue()
    const queue = await bench().queue({ ...deadLetterTo(dead), 'x-message-ttl': 60_000 })
    await bench().send(queue, ['x'], { expiration: '50' })
    const { properties } = await bench().fetch(dead)
    expect(properties.expiration).toBeUndefined()
    expect(properties.headers).toMatchObject({ 'x-death': [{ reason: 'expired', 'original-expiration': '50' }] })
  })

  test('a message waits behind one that lives longer', async () => {
    const dead = await bench().queue()
    const queue = await bench().queue(deadLetterTo(dead))
    await bench().send(queue, ['long'], { expiration: '300' })
    await bench().send(queue, ['short'], { expiration: '10' })
    expect([text(await bench().fetch(dead)), text(await bench().fetch(dead))]).toEqual(['long', 'short'])
  })

  test('a message held by a consumer does not expire', async () => {
    const dead = await bench().queue()
    const queue = await bench().queue({ ...deadLetterTo(dead), 'x-message-ttl': 100 })
    const channel = await bench().open()
    await bench().send(queue, ['held'])
    const [message] = await (await Inbox.open(channel, queue)).until(1)
    await bench().send(dead, ['marker'], {})
    const marker = await bench().queue(retryTo(dead, 200))
    await bench().send(marker, ['later'])
    expect([text(await bench().fetch(dead)), text(await bench().fetch(dead))]).toEqual(['marker', 'later'])
    channel.nack(message!, false, true)
    expect(text(await bench().fetch(dead))).toBe('held')
  })

  test('what a full queue drops becomes a dead letter', async () => {
    const dead = await bench().queue()
    const queue = await bench().queue({ ...deadLetterTo(dead), 'x-max-length': 1 })
    await bench().send(queue, ['old', 'new'])
    const letter = await bench().fetch(dead)
    expect([text(letter), headersOf(letter)['x-first-death-reason']]).toEqual(['old', 'maxlen'])
  })
}

function deadLetterTo(queue: string): Record<string, unknown> {
  return { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue }
}

function retryTo(queue: string, delay: number): Record<string, unknown> {
  return { ...deadLetterTo(queue), 'x-message-ttl': delay }
}

function headersOf(message: ConsumeMessage): Record<string, unknown> {
  return message.properties.headers ?? {}
}
