import { expect, test } from 'vitest'
import { closeCode, Inbox, refusal, text, until, type Bench } from './broker-bench.ts'

const alphabet = ['a', 'b', 'c', 'd', 'e']

export function deliveryTests(bench: () => Bench): void {
  test('prefetch limits what a consumer holds, and acknowledging makes room', async () => {
    const queue = await bench().queue()
    await bench().channel.prefetch(2)
    await bench().send(queue, alphabet)
    const inbox = await Inbox.open(bench().channel, queue)
    await inbox.until(2)
    await bench().untilReady(queue, 3)
    expect(inbox.texts).toEqual(['a', 'b'])
    bench().channel.ack(inbox.messages[1]!)
    await inbox.until(3)
    await bench().untilReady(queue, 2)
    expect(inbox.texts).toEqual(['a', 'b', 'c'])
  })

  test('prefetch counts per consumer, or per channel when it is global', async () => {
    const [queue, other] = [await bench().queue(), await bench().queue()]
    const shared = await bench().open()
    await shared.prefetch(3, true)
    await bench().send(queue, alphabet)
    await bench().send(other, alphabet)
    const inboxes = [await Inbox.open(shared, queue), await Inbox.open(shared, other)]
    const held = () => inboxes.flatMap(inbox => inbox.messages)
    await until('3 deliveries', () => held().length === 3)
    await until('7 ready', async () => {
      const counts = [await bench().channel.checkQueue(queue), await bench().channel.checkQueue(other)]
      return counts[0]!.messageCount + counts[1]!.messageCount === 7
    })
    shared.ackAll()
    await until('3 more', () => held().length === 6)
    expect(inboxes.every(inbox => inbox.messages.length > 0)).toBe(true)
  })

  test('consumers of one queue take turns', async () => {
    const queue = await bench().queue()
    const channels = [await bench().open(), await bench().open(await bench().connect())]
    const inboxes = await Promise.all(
      channels.map(async channel => {
        await channel.prefetch(1)
        return Inbox.open(channel, queue, message => channel.ack(message))
      }),
    )
    await bench().send(
      queue,
      Array.from({ length: 40 }, (_, index) => String(index)),
    )
    await until('40 deliveries', () => inboxes.flatMap(inbox => inbox.messages).length === 40)
    for (const inbox of inboxes) expect(inbox.messages.length).toBeGreaterThan(5)
    expect(new Set(inboxes.flatMap(inbox => inbox.texts)).size).toBe(40)
  })

  test('acknowledging with multiple settles everything up to that one and nothing after', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, alphabet)
    const inbox = await Inbox.open(channel, queue)
    const [, , third] = await inbox.until(5)
    channel.ack(third!, true)
    await channel.close()
    await bench().untilReady(queue, 2)
    expect([text(await bench().fetch(queue)), text(await bench().fetch(queue))]).toEqual(['d', 'e'])
  })

  test('a delivery tag settled twice closes the channel with 406 and returns the rest', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, ['a', 'b'])
    const inbox = await Inbox.open(channel, queue)
    const [first] = await inbox.until(2)
    const code = closeCode(channel)
    channel.ack(first!)
    channel.ack(first!)
    expect(await code).toBe(406)
    const returned = await bench().fetch(queue)
    expect([text(returned), returned.fields.redelivered]).toEqual(['b', true])
  })

  test('a returned message comes back marked, at its old place', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, alphabet)
    const fetched = []
    for (let count = 0; count < 3; count++) fetched.push(await channel.get(queue))
    channel.nack(fetched[1] as never, false, true)
    channel.nack(fetched[0] as never, false, true)
    await bench().untilReady(queue, 4)
    const inbox = await Inbox.open(bench().channel, queue, () => {}, { noAck: true })
    await inbox.until(4)
    expect(inbox.texts).toEqual(['a', 'b', 'd', 'e'])
    expect(inbox.messages.map(message => message.fields.redelivered)).toEqual([true, true, false, false])
    channel.ack(fetched[2] as never)
  })

  test('returning several at once keeps their order', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, alphabet)
    const inbox = await Inbox.open(channel, queue, (message, index) => {
      if (index === 4) channel.nack(message, true, true)
      if (index > 4) channel.ack(message)
    })
    await inbox.until(10)
    expect(inbox.texts.slice(5)).toEqual(alphabet)
  })

  test.each(['the channel', 'the connection'])('what a consumer held returns in order when %s closes', async what => {
    const queue = await bench().queue()
    const connection = await bench().connect()
    const channel = await bench().open(connection)
    await bench().send(queue, alphabet)
    await (await Inbox.open(channel, queue)).until(5)
    await (what === 'the channel' ? channel : connection).close()
    await bench().untilReady(queue, 5)
    const inbox = await Inbox.open(bench().channel, queue, () => {}, { noAck: true })
    await inbox.until(5)
    expect(inbox.texts).toEqual(alphabet)
    expect(inbox.messages.every(message => message.fields.redelivered)).toBe(true)
  })

  test('recover returns everything unacknowledged', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, ['a', 'b'])
    for (let count = 0; count < 2; count++) await channel.get(queue)
    await channel.recover()
    expect((await bench().fetch(queue)).fields.redelivered).toBe(true)
    expect((await bench().fetch(queue)).fields.redelivered).toBe(true)
  })

  test('get tells how many are left, and that there is none', async () => {
    const queue = await bench().queue()
    await bench().send(queue, ['a', 'b'])
    expect(await bench().channel.get(queue, { noAck: true })).toMatchObject({ fields: { messageCount: 1 } })
    await bench().fetch(queue)
    expect(await bench().channel.get(queue)).toBe(false)
  })

  test('a consumer without acknowledgement settles by receiving', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, alphabet)
    await (await Inbox.open(channel, queue, () => {}, { noAck: true })).until(5)
    await channel.close()
    expect(await bench().channel.checkQueue(queue)).toMatchObject({ messageCount: 0, consumerCount: 0 })
  })

  test('a cancelled consumer gets no more and can still acknowledge', async () => {
    const queue = await bench().queue()
    const channel = await bench().open()
    await bench().send(queue, ['a'])
    const inbox = await Inbox.open(channel, queue)
    const [message] = await inbox.until(1)
    await inbox.cancel()
    await bench().send(queue, ['b'])
    channel.ack(message!)
    await channel.close()
    await bench().untilReady(queue, 1)
    expect(inbox.texts).toEqual(['a'])
    expect(text(await bench().fetch(queue))).toBe('b')
  })

  test('consumers of a deleted queue are told', async () => {
    const queue = await bench().queue()
    const inbox = await Inbox.open(bench().channel, queue)
    await (await bench().open()).deleteQueue(queue)
    await expect.poll(() => inbox.cancelled).toBe(true)
    expect(await bench().channel.checkExchange('amq.topic')).toBeTruthy()
  })

  test('an exclusive consumer keeps others away with 403', async () => {
    const queue = await bench().queue()
    await Inbox.open(bench().channel, queue, () => {}, { exclusive: true })
    expect(await refusal((await bench().open()).consume(queue, () => {}))).toBe(403)
  })

  test('a consumer tag used twice closes the connection with 530', async () => {
    const queue = await bench().queue()
    const connection = await bench().connect()
    const code = closeCode(connection)
    const channel = await bench().open(connection)
    await channel.consume(queue, () => {}, { consumerTag: 'mine' })
    channel.consume(queue, () => {}, { consumerTag: 'mine' }).catch(() => {})
    expect(await code).toBe(530)
  })

  test('a quorum queue counts redeliveries and lets go at its limit', async () => {
    const dead = await bench().queue()
    const queue = await bench().queue({
      'x-queue-type': 'quorum',
      'x-delivery-limit': 2,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
    })
    await bench().send(queue, ['poison'])
    const channel = await bench().open()
    const inbox = await Inbox.open(channel, queue, message => channel.nack(message, false, true))
    const letter = await bench().fetch(dead)
    expect(inbox.messages.map(({ properties }) => properties.headers?.['x-delivery-count'] as unknown)).toEqual([
      undefined,
      1,
      2,
    ])
    expect(inbox.messages.map(({ fields }) => fields.redelivered)).toEqual([false, true, true])
    expect(letter.properties.headers).toMatchObject({ 'x-first-death-reason': 'delivery_limit' })
  })

  test('10,000 persistent messages pass from publisher to consumer, in order', async () => {
    const queue = await bench().queue()
    const channel = await bench().open(await bench().connect())
    await channel.prefetch(400)
    let unacknowledged = 0
    const inbox = await Inbox.open(channel, queue, message => {
      if (++unacknowledged < 200) return
      unacknowledged = 0
      channel.ack(message, true)
    })
    const numbers = Array.from({ length: 10_000 }, (_, index) => String(index))
    await bench().send(queue, numbers)
    await inbox.until(10_000)
    expect(inbox.texts).toEqual(numbers)
    await channel.close()
    expect(await bench().channel.checkQueue(queue)).toMatchObject({ messageCount: 0 })
  })
}
