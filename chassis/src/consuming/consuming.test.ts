import { expect, inject, test } from 'vitest'
import { consume, consumeBatch } from './consumer.ts'
import type { Service } from '../service.ts'
import { startService } from '../start-service.ts'
import { handledCount } from '../testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, noteCopied, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

const effects = (service: TestService) => effectsOf(service.resources.query)

test('a connection that breaks while a message is handled brings it again, to be recognised', async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    await leaveEffect(tx, message)
    reach()
    await opened
  })
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  await using service = await startBehind(proxy, notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('a'))
  await reached
  proxy.reset()
  await waitUntil('the message is delivered again', async () => (await suspects(service)) > 0)
  open()
  await waitUntil('its copy is recognised', async () => (await handledCount(service, 'duplicate')) === 1)
  expect(await effects(service)).toEqual(['a'])
  expect(await suspects(service)).toBe(0)
})

test('what is given back is handled alone, each', async () => {
  const sizes: number[] = []
  let held = true
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const { promise: broken, reject: breakOff } = Promise.withResolvers<void>()
  const onNote = consumeBatch('on-note', noteWritten, async (messages, tx) => {
    if (held) {
      reach()
      await broken
    }
    sizes.push(messages.length)
    for (const message of messages) await leaveEffect(tx, message)
  })
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  await using service = await startBehind(proxy, notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  for (const id of ['a', 'b', 'c', 'd']) await queues.publish(noteWritten, note(id))
  await reached
  held = false
  proxy.reset()
  breakOff(new Error('cut off'))
  await waitUntil('all are handled', async () => (await effects(service)).length === 4)
  expect(sizes).toEqual([1, 1, 1, 1])
})

test('a stop while the consumers are still starting waits for no answer on a connection that is gone', async () => {
  let reach = () => {}
  const first = consume('first', noteWritten, async () => reach())
  const others = Array.from({ length: 20 }, (_, index) => consume(`other-${index}`, noteCopied, async () => {}))
  const definition = notesService({ consumers: [first, ...others] })
  await using home = await startTestService(definition)
  await home.stop()
  await using queues = await Queues.of(home.env)
  // Often enough to meet each of the calls that may be under way.
  for (let round = 0; round < 10; round++) {
    const reached = new Promise<void>(resolve => (reach = resolve))
    await queues.publish(noteWritten, note(`note-${round}`))
    const service = await startService(definition, { ...home.env, PORT: '0' })
    await reached
    const startedAt = performance.now()
    await service.stop()
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  }
})

test('a deleted queue is declared again, and consuming goes on', async () => {
  const onNote = consume('on-note', noteWritten, async (message, tx) => leaveEffect(tx, message))
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('before'))
  await waitUntil('the first is handled', async () => (await effects(service)).length === 1)
  await queues.delete('notes.on-note')
  await waitUntil('messages are handled again', async () => {
    // Until the new queue is bound nobody takes the message.
    await queues.publish(noteWritten, note('after'), { messageId: 'after' })
    return (await effects(service)).includes('after')
  })
  expect(await effects(service)).toEqual(['before', 'after'])
})

test('a stop finishes what is at hand, and the broker knows it', async () => {
  const onNote = consume('on-note', noteWritten, async (message, tx) => leaveEffect(tx, message))
  const definition = notesService({ consumers: [onNote] })
  await using service = await startTestService(definition)
  await using queues = await Queues.of(service.env)
  const replica = await startReplica(definition, service.env)
  const ids = Array.from({ length: 300 }, (_, index) => `note-${index}`)
  const publishing = Promise.all(ids.map(id => queues.publish(noteWritten, note(id))))
  await waitUntil('the replica works', async () => (await handledCount(replica, 'handled')) > 0)
  await replica.stop()
  await publishing
  await waitUntil('all are handled', async () => (await effects(service)).length >= ids.length)
  expect((await effects(service)).toSorted()).toEqual(ids.toSorted())
  // Had an acknowledgement been lost, its message would have come again.
  expect(await handledCount(service, 'duplicate')).toBe(0)
})

test('a stop sees the last acknowledgement through', async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    await leaveEffect(tx, message)
    reach()
    await opened
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('a'))
  await reached
  const stopping = service.stop()
  open()
  await stopping
  expect(await queues.depth('notes.on-note')).toBe(0)
})

test('a stop waits no longer than told for a handler that hangs, and its message goes back', async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    await leaveEffect(tx, message)
    reach()
    await opened
  })
  const env = { SHUTDOWN_TIMEOUT: '1s' }
  await using service = await startTestService(notesService({ consumers: [onNote] }), env)
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('a'))
  await reached
  const startedAt = performance.now()
  await service.stop()
  expect(performance.now() - startedAt).toBeLessThan(1_500)
  await waitUntil('the message is back', async () => (await queues.depth('notes.on-note')) === 1)
  open()
})

test('queues that exist with other arguments keep the service from being ready, until they are gone', async () => {
  const onNote = consume('on-note', noteWritten, async (message, tx) => leaveEffect(tx, message))
  await using first = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(first.env)
  const other = await startService(notesService({ consumers: [onNote] }), {
    ...first.env,
    BROKER_QUEUE_TYPE: 'quorum',
  })
  const ready = () => other.http.inject('/ready')
  await waitUntil('it looked', async () => (await ready()).body.includes('broker: not available'))
  await first.stop()
  for (const queue of ['', '.dlq', '.retry.20ms', '.retry.40ms']) await queues.delete(`notes.on-note${queue}`)
  await waitUntil('it is ready', async () => (await ready()).statusCode === 200)
  await queues.publish(noteWritten, note('a'))
  await waitUntil('it consumes', async () => (await handledCount(other, 'handled')) === 1)
  expect(await effectsOf(other.resources.query)).toEqual(['a'])
  await other.stop()
})

/** A service that reaches its broker by way of a proxy; its `env` names the broker itself. */
async function startBehind(proxy: TcpProxy, definition: Service): Promise<TestService> {
  const home = await startTestService(definition)
  await home.stop()
  const behind = await startReplica(definition, { ...home.env, BROKER_URL: proxy.url })
  const dispose = async () => {
    await behind.stop()
    await home[Symbol.asyncDispose]()
  }
  return { ...home, ...behind, env: home.env, [Symbol.asyncDispose]: dispose }
}

async function suspects({ resources }: TestService): Promise<number> {
  const { rows } = await resources.query<{ count: number }>({
    text: 'select count(*)::int from chassis.suspect_messages',
  })
  return rows[0]?.count ?? 0
}
