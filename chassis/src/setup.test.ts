import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest'
import { consume } from './consuming/consumer.ts'
import { setUpService, type OnWaiting } from './setup.ts'
import { notesService, noteWritten } from './testing/fixture/notes.ts'
import { openOutbox, type Outbox } from './testing/fixture/outbox.ts'
import { Queues } from './testing/fixture/queues.ts'
import { TcpProxy } from './testing/fixture/tcp-proxy.ts'
import { waitUntil } from './testing/index.ts'

const service = notesService({ consumers: [consume('on-note', noteWritten, async () => {}, { retryDelays: [20] })] })
const names = ['notes.on-note', 'notes.on-note.dlq', 'notes.on-note.retry.20ms']

let outbox: Outbox
let queues: Queues
let proxy: TcpProxy
beforeEach(async () => {
  outbox = await openOutbox()
  queues = await Queues.of(outbox.env)
  proxy = await TcpProxy.to(inject('brokerUrl'))
})
afterEach(async () => {
  for (const name of names) await queues.delete(name)
  // Whoever listens takes the exchange away with its queue.
  await queues.listen('last')
  await queues[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await outbox[Symbol.asyncDispose]()
})

test('waits for a broker that breaks connections, and says so once', async () => {
  const onWaiting = vi.fn<OnWaiting>()
  proxy.refuse()
  const settingUp = setUpService(service, { ...outbox.env, BROKER_URL: proxy.url }, onWaiting)
  await waitUntil('it waits', () => onWaiting.mock.calls.length > 0)
  proxy.mend()
  const { accepted } = proxy
  await waitUntil('it connects', () => proxy.accepted > accepted)
  proxy.reset()
  await settingUp
  expect(await queues.depth('notes.on-note')).toBe(0)
  expect(onWaiting).toHaveBeenCalledOnce()
  expect(onWaiting.mock.calls[0]?.[0]).toContain('waiting up to 30 s for a server')
})

test('queues that exist with other arguments are an error at once that names them', async () => {
  await queues.listen('notes.on-note')
  const settingUp = setUpService(service, outbox.env, () => {})
  await expect(settingUp).rejects.toThrow(/PRECONDITION.FAILED.*notes\.on-note/)
})
