import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { consume, consumeBatch, perform } from './consumer.ts'
import { note, noteCopied, noteFiled, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

// What each consumer saw, as `<type> <what only that type says>`.
const seen: Record<'each' | 'batch' | 'perform' | 'direct', string[]> = { each: [], batch: [], perform: [], direct: [] }
const filed = { noteId: 'f', folder: 'letters' }

const each = consume('each', [noteWritten, noteFiled], async message => {
  const said = message.type === 'note.filed' ? message.data.folder : message.data.body
  seen.each.push(`${message.type} ${said}`)
})
const batch = consumeBatch('batch', [noteWritten, noteFiled], async messages => {
  for (const message of messages) seen.batch.push(message.type)
})
const performed = perform('perform', [noteWritten, noteFiled], {
  claim: async message => (message.type === 'note.filed' ? message.data.folder : message.data.body),
  act: async said => said.toUpperCase(),
  settle: async (_said, loud) => void seen.perform.push(loud),
})
const direct = consume(
  'direct',
  noteCopied,
  async ({ data }, tx) => {
    seen.direct.push(data.noteId)
    if (data.noteId === 'ping') tx.publish(noteCopied, note('pong'), { queue: 'notes.direct' })
  },
  { bound: false },
)

let service: TestService
let queues: Queues
beforeAll(async () => {
  service = await startTestService(notesService({ consumers: [each, batch, performed, direct] }))
  queues = await Queues.of(service.env)
})
beforeEach(() => Object.values(seen).forEach(list => list.splice(0)))
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

test('one queue takes each of its types, and the type tells what the data is', async () => {
  await service.deliver(noteWritten, note('a', 'milk'))
  await service.deliver(noteFiled, filed)
  expect(seen.each).toEqual(['note.written milk', 'note.filed letters'])
  expect(seen.batch).toEqual(['note.written', 'note.filed'])
  expect(seen.perform).toEqual(['MILK', 'LETTERS'])
})

test('without a type property the routing key tells', async () => {
  const messageId = 'typed by its key'
  await queues.publish(noteFiled, filed, { messageId, type: '' })
  await waitUntil('it is seen', () => seen.each.length === 1 && seen.perform.length === 1 && seen.batch.length === 1)
  expect(seen.each).toEqual(['note.filed letters'])
})

test('a type that the queue does not take is malformed, and so is one that lies about its body', async () => {
  const other = Buffer.from(JSON.stringify(note('x')))
  await queues.send('notes.each', other, { type: 'note.copied', messageId: 'other' })
  await queues.send('notes.each', other, { type: 'note.filed', messageId: 'liar' })
  const letters = async () =>
    (await service.resources.query<{ message_id: string; error: string }>({
      text: `select message_id, error from chassis.dead_letters where reason = 'malformed' order by message_id`,
    })).rows // prettier-ignore
  await waitUntil('both are dead', async () => (await letters()).length === 2)
  const [liar, wrong] = await letters()
  expect(wrong?.error).toBe('type is note.copied, not note.written or note.filed')
  expect(liar?.error).toContain('body does not fit note.filed')
  expect(seen.each).toEqual([])
})

test('a queue that is not bound takes only what is sent to it by its name, under any namespace', async () => {
  // Had the exchange a queue for it, it would be the first seen.
  await queues.publish(noteCopied, note('to everybody'))
  await service.deliver(noteCopied, note('ping'))
  await waitUntil('what it sent to itself arrived', () => seen.direct.length === 2)
  expect(seen.direct).toEqual(['ping', 'pong'])
})
