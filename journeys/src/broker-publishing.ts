import type { Options } from 'amqplib'
import { expect, test } from 'vitest'
import { closeCode, Inbox, text, until, type Bench } from './broker-bench.ts'

const frameMax = 131_072

export function publishingTests(bench: () => Bench): void {
  test('properties, headers and body arrive as they were sent', async () => {
    const queue = await bench().queue()
    const sent: Options.Publish = {
      contentType: 'application/json',
      contentEncoding: 'identity',
      headers: {
        traceparent: '00-x',
        small: 1,
        large: 2 ** 40,
        fraction: 0.5,
        yes: true,
        nothing: null,
        nested: { list: [1, 'two', { three: 3 }] },
        moment: { '!': 'timestamp', value: 1_700_000_000 },
      },
      persistent: true,
      priority: 3,
      correlationId: 'correlation',
      replyTo: 'reply',
      messageId: 'message',
      timestamp: 1_700_000_000,
      type: 'order.created',
      appId: 'app-orders',
    }
    bench().publisher.sendToQueue(queue, Buffer.from('{"ä":1}'), sent)
    const { content, fields, properties } = await bench().fetch(queue)
    const { persistent, ...expected } = sent
    expect(properties).toMatchObject({ ...expected, deliveryMode: persistent ? 2 : 1 })
    expect(fields).toMatchObject({ exchange: '', routingKey: queue, redelivered: false })
    expect(content.toString()).toBe('{"ä":1}')
  })

  test.each([0, 1, frameMax - 9, frameMax - 8, frameMax - 7, 2 * (frameMax - 8), 5_000_000])(
    'a body of %i bytes arrives whole',
    async size => {
      const queue = await bench().queue()
      const body = Buffer.alloc(size, 'feira-')
      const inbox = await Inbox.open(bench().channel, queue, () => {}, { noAck: true })
      bench().publisher.sendToQueue(queue, body)
      bench().publisher.sendToQueue(queue, Buffer.from('next'))
      const [large, next] = await inbox.until(2)
      expect(large?.content.equals(body)).toBe(true)
      expect(next && text(next)).toBe('next')
    },
  )

  const patterns = ['#', '#.#', '*', '', 'order', 'order.#', 'order.*', '#.created', 'order.*.added', '#.item.#', '*.*']
  test.each([
    ['order', ['#', '#.#', '*', 'order', 'order.#']],
    ['order.created', ['#', '#.#', 'order.#', 'order.*', '#.created', '*.*']],
    ['order.item.added', ['#', '#.#', 'order.#', 'order.*.added', '#.item.#']],
    ['created', ['#', '#.#', '*', '#.created']],
    ['', ['#', '#.#', '']],
    ['order.', ['#', '#.#', 'order.#', 'order.*', '*.*']],
  ])('a topic exchange routes %j by pattern, once per queue', async (key, matching) => {
    const exchange = await bench().exchange('topic')
    const reached = new Map<string, string>()
    for (const pattern of patterns) {
      const queue = await bench().queue()
      await bench().channel.bindQueue(queue, exchange, pattern)
      await bench().channel.bindQueue(queue, exchange, pattern, { again: true })
      reached.set(pattern, queue)
    }
    bench().publisher.publish(exchange, key, Buffer.from('x'))
    await bench().publisher.waitForConfirms()
    for (const [pattern, queue] of reached) {
      const { messageCount } = await bench().channel.checkQueue(queue)
      expect(`${pattern}: ${messageCount}`).toBe(`${pattern}: ${matching.includes(pattern) ? 1 : 0}`)
    }
  })

  test('direct, fanout and headers exchanges route by their rules', async () => {
    const [direct, fanout, headers] = [
      await bench().exchange('direct'),
      await bench().exchange('fanout'),
      await bench().exchange('headers'),
    ]
    const [one, all, any] = [await bench().queue(), await bench().queue(), await bench().queue()]
    await bench().channel.bindQueue(one, direct, 'a')
    await bench().channel.bindQueue(one, fanout, 'ignored')
    await bench().channel.bindQueue(all, headers, '', { 'x-match': 'all', k: 1, l: 'b' })
    await bench().channel.bindQueue(any, headers, '', { 'x-match': 'any', k: 1, l: 'c' })
    bench().publisher.publish(direct, 'a', Buffer.from('direct'))
    bench().publisher.publish(direct, 'b', Buffer.from('nowhere'))
    bench().publisher.publish(fanout, 'other', Buffer.from('fanout'))
    bench().publisher.publish(headers, '', Buffer.from('both'), { headers: { k: 1, l: 'b' } })
    bench().publisher.publish(headers, '', Buffer.from('any'), { headers: { l: 'c' } })
    await bench().publisher.waitForConfirms()
    expect([text(await bench().fetch(one)), text(await bench().fetch(one))]).toEqual(['direct', 'fanout'])
    expect(text(await bench().fetch(all))).toBe('both')
    expect([text(await bench().fetch(any)), text(await bench().fetch(any))]).toEqual(['both', 'any'])
    expect(await Promise.all([one, all, any].map(queue => bench().channel.get(queue)))).toEqual([false, false, false])
  })

  test('exchanges can be bound to exchanges, in a ring too', async () => {
    const [outer, inner] = [await bench().exchange('topic'), await bench().exchange('fanout')]
    const queue = await bench().queue()
    await bench().channel.bindExchange(inner, outer, 'a.#')
    await bench().channel.bindExchange(outer, inner, '')
    await bench().channel.bindQueue(queue, inner, '')
    bench().publisher.publish(outer, 'a.b', Buffer.from('x'))
    bench().publisher.publish(outer, 'b', Buffer.from('y'))
    await bench().publisher.waitForConfirms()
    expect(text(await bench().fetch(queue))).toBe('x')
    expect(await bench().channel.get(queue)).toBe(false)
  })

  test('an unbound queue gets nothing any more', async () => {
    const [exchange, queue] = [await bench().exchange('topic'), await bench().queue()]
    for (const pattern of ['a', 'b']) await bench().channel.bindQueue(queue, exchange, pattern)
    await bench().channel.unbindQueue(queue, exchange, 'a')
    for (const key of ['a', 'b']) bench().publisher.publish(exchange, key, Buffer.from(key))
    await bench().publisher.waitForConfirms()
    expect(text(await bench().fetch(queue))).toBe('b')
    expect(await bench().channel.get(queue)).toBe(false)
  })

  test('every publication is confirmed once, 5,000 at full speed', async () => {
    const queue = await bench().queue()
    const confirmed: number[] = []
    for (let index = 0; index < 5_000; index++) {
      bench().publisher.sendToQueue(queue, Buffer.alloc(200), { persistent: true }, error => {
        if (!error) confirmed.push(index)
      })
    }
    await bench().publisher.waitForConfirms()
    expect(confirmed).toHaveLength(5_000)
    expect(new Set(confirmed).size).toBe(5_000)
    await bench().untilReady(queue, 5_000)
  })

  test('a mandatory message without a queue is returned before it is confirmed', async () => {
    const exchange = await bench().exchange('topic')
    const happened: string[] = []
    bench().publisher.on('return', message => {
      const { replyCode, replyText, routingKey } = message.fields as unknown as Record<string, unknown>
      happened.push(
        `returned ${String(replyCode)} ${String(replyText)} ${String(routingKey)} ${text(message as never)}`,
      )
    })
    const publish = (key: string, mandatory: boolean) =>
      bench().publisher.publish(exchange, key, Buffer.from(key), { mandatory }, () => happened.push(`confirmed ${key}`))
    publish('quiet', false)
    publish('nobody', true)
    await bench().publisher.waitForConfirms()
    expect(happened.filter(line => line.startsWith('returned'))).toEqual(['returned 312 NO_ROUTE nobody nobody'])
    expect(happened.indexOf('confirmed nobody')).toBeGreaterThan(
      happened.findIndex(line => line.startsWith('returned')),
    )
    expect(happened).toContain('confirmed quiet')
  })

  test('publishing to a missing exchange closes that channel alone, with 404', async () => {
    const channel = await bench().open()
    const code = closeCode(channel)
    channel.publish(bench().exchangeName(), 'a', Buffer.from('x'))
    expect(await code).toBe(404)
    await bench().send(await bench().queue(), ['still works'])
  })

  test('an expiration that is no number closes the channel with 406', async () => {
    const channel = await bench().open()
    const code = closeCode(channel)
    channel.sendToQueue(await bench().queue(), Buffer.from('x'), { expiration: 'soon' })
    expect(await code).toBe(406)
  })

  test('a full queue drops its oldest messages', async () => {
    const queue = await bench().queue({ 'x-max-length': 2 })
    await bench().send(queue, ['0', '1', '2', '3', '4'])
    await bench().untilReady(queue, 2)
    expect([text(await bench().fetch(queue)), text(await bench().fetch(queue))]).toEqual(['3', '4'])
  })

  test('a full queue with reject-publish refuses by a negative confirm', async () => {
    const queue = await bench().queue({ 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    const outcomes: string[] = []
    for (const body of ['0', '1']) {
      bench().publisher.sendToQueue(queue, Buffer.from(body), {}, error =>
        outcomes.push(`${body} ${error ? 'no' : 'yes'}`),
      )
      await until('the confirm', () => outcomes.some(outcome => outcome.startsWith(body)))
    }
    expect(outcomes).toEqual(['0 yes', '1 no'])
    expect(text(await bench().fetch(queue))).toBe('0')
  })

  test('a priority queue gives the most urgent first, and equals in order', async () => {
    const queue = await bench().queue({ 'x-max-priority': 5 })
    for (const [body, priority] of [
      ['low', 1],
      ['high', 5],
      ['none', 0],
      ['high too', 9],
    ] as const) {
      await bench().send(queue, [body], { priority })
    }
    const inbox = await Inbox.open(bench().channel, queue, () => {}, { noAck: true })
    await inbox.until(4)
    expect(inbox.texts).toEqual(['high', 'high too', 'low', 'none'])
  })
}
