import type { Channel, ConfirmChannel, ConsumeMessage } from 'amqplib'
import { expect, test } from 'vitest'
import { connectTo, drain, silenced, spawnBroker, temporaryDirectory, until } from './broker.testing.ts'

const queue = 'work'
const prefetch = 100
const held = 50
const window = 200

/** What the clients of a broker that is killed again and again know. */
interface Ledger {
  published: number
  readonly confirmed: Set<string>
  /** Those whose acknowledgement was sent, which a kill may have overtaken. */
  readonly acknowledged: Set<string>
}

test('a broker killed at any moment keeps what it confirmed, once, and forgets what was acknowledged', async () => {
  const directory = await temporaryDirectory()
  const ledger: Ledger = { published: 0, confirmed: new Set(), acknowledged: new Set() }
  for (const acknowledgements of [400, 1_700, 3_100, 5_000]) {
    const cameBack = await workAndKill(directory, ledger, acknowledgements)
    expect(cameBack).toBeLessThanOrEqual(prefetch)
  }

  const { url } = await spawnBroker(directory)
  const left = await drain(await (await connectTo(url)).createChannel(), queue)
  const outstanding = [...ledger.confirmed].filter(id => !ledger.acknowledged.has(id))
  const leftIds = new Set(left)
  expect(outstanding.length).toBeGreaterThan(0)
  expect(outstanding.filter(id => !leftIds.has(id))).toEqual([])
  expect(leftIds.size).toBe(left.length)
  expect(left).toEqual(left.toSorted((one, other) => Number(one) - Number(other)))
  expect(left.filter(id => ledger.acknowledged.has(id)).length).toBeLessThanOrEqual(prefetch)
}, 60_000)

/** @returns how many came again that had been acknowledged to an earlier broker process. */
async function workAndKill(directory: string, ledger: Ledger, acknowledgements: number): Promise<number> {
  const broker = await spawnBroker(directory)
  const connection = await connectTo(broker.url)
  const [publisher, consumer] = [await connection.createConfirmChannel(), await connection.createChannel()]
  await silenced(publisher).assertQueue(queue, { durable: true })
  await silenced(consumer).prefetch(prefetch)
  const before = new Set(ledger.acknowledged)
  const work = acknowledgeAtRandom(consumer, ledger, before)
  await consumer.consume(queue, work.onMessage)
  while (work.acknowledgements < acknowledgements) {
    const first = ledger.published
    for (let count = 0; count < window; count++) publish(publisher, ledger)
    await until('a confirm', () => ledger.confirmed.has(String(first)))
  }
  await broker.kill()
  return work.cameBack
}

function publish(publisher: ConfirmChannel, ledger: Ledger): void {
  const id = String(ledger.published++)
  publisher.sendToQueue(queue, Buffer.from(id), { persistent: true }, error => {
    if (!error) ledger.confirmed.add(id)
  })
}

function acknowledgeAtRandom(channel: Channel, ledger: Ledger, before: ReadonlySet<string>) {
  const unsettled: ConsumeMessage[] = []
  const work = {
    acknowledgements: 0,
    cameBack: 0,
    onMessage(message: ConsumeMessage | null) {
      if (!message) return
      const id = message.content.toString()
      if (before.has(id)) work.cameBack += 1
      ledger.acknowledged.delete(id)
      unsettled.push(message)
      if (unsettled.length <= held) return
      const [chosen] = unsettled.splice(Math.floor(Math.random() * unsettled.length), 1)
      if (!chosen) return
      channel.ack(chosen)
      ledger.acknowledged.add(chosen.content.toString())
      work.acknowledgements += 1
    },
  }
  return work
}
