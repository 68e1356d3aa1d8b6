import { expect, onTestFinished, test } from 'vitest'
import { startBroker } from './broker.ts'
import { connectTo, drain, silenced } from './broker.testing.ts'

async function openChannel() {
  const broker = await startBroker({ port: 0, dataDirectory: undefined })
  onTestFinished(() => broker.close())
  return silenced(await (await connectTo(broker.url)).createConfirmChannel())
}

test.each([
  ['at-least-once', ['x']],
  ['at-most-once', []],
])('a dead letter that no queue takes yet: %s', async (strategy, kept) => {
  const channel = await openChannel()
  const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'later' }
  const args = { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': strategy, 'x-overflow': 'reject-publish' }
  await channel.assertQueue('work', { durable: true, arguments: { ...args, ...deadLetters } })
  await channel.assertQueue('timer', { arguments: { ...deadLetters, 'x-message-ttl': 2_500 } })
  channel.sendToQueue('work', Buffer.from('x'))
  await channel.waitForConfirms()
  channel.nack((await channel.get('work')) as never, false, false)
  await channel.assertQueue('later')
  channel.sendToQueue('timer', Buffer.from('time is up'))
  await expect.poll(async () => (await channel.checkQueue('timer')).messageCount, { timeout: 5_000 }).toBe(0)
  expect(await drain(channel, 'later')).toEqual([...kept, 'time is up'])
})

test.each(['x-expires', 'x-single-active-consumer'])('%s is refused rather than ignored', async argument => {
  const channel = await openChannel()
  const declared = channel.assertQueue('work', { arguments: { [argument]: 1_000 } })
  await expect(declared).rejects.toThrow('Channel ended')
})
