import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { consume, consumeBatch } from './consumer.ts'
import { Rejection } from '../rejection.ts'
import { handledCount } from '../testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, noteCopied, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

const letters = 'abcdefghij'.split('')
const effects = (service: TestService) => effectsOf(service.resources.query)

/** Holds the first message of a consumer, so that those after it wait together. */
function gate() {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const pass = (noteId: string) => (noteId === 'gate' ? (reach(), opened) : Promise.resolve())
  return { pass, open, reached }
}

test('messages that wait together are one batch, sorted by aggregate', async () => {
  const { pass, open, reached } = gate()
  const batches: string[][] = []
  const onNote = consumeBatch('on-note', noteWritten, async (messages, tx) => {
    batches.push(messages.map(({ data }) => data.noteId))
    for (const message of messages) await leaveEffect(tx, message)
    await pass(messages[0]?.data.noteId ?? '')
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('gate'))
  await reached
  for (const letter of letters.toReversed()) await queues.publish(noteWritten, note(letter))
  open()
  await waitUntil('all are handled', async () => (await effects(service)).length === 11)
  expect(batches).toEqual([['gate'], letters])
})

test('a message that comes twice is handled once: in one batch, later, and by another replica', async () => {
  const { pass, open, reached } = gate()
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    await leaveEffect(tx, message)
    await pass(message.data.noteId)
  })
  const definition = notesService({ consumers: [onNote] })
  await using service = await startTestService(definition)
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('gate'))
  await reached
  for (let copy = 0; copy < 3; copy++) await queues.publish(noteWritten, note('in-one-batch'), { messageId: 'one' })
  open()
  await waitUntil('its copies are seen', async () => (await handledCount(service, 'duplicate')) === 2)
  await queues.publish(noteWritten, note('later'), { messageId: 'one' })
  await waitUntil('the later one is seen', async () => (await handledCount(service, 'duplicate')) === 3)

  await using replica = await startReplica(definition, service.env)
  for (const letter of letters) {
    for (let copy = 0; copy < 6; copy++) await queues.publish(noteWritten, note(letter), { messageId: letter })
  }
  const seen = async () => (await handledCount(service, 'duplicate')) + (await handledCount(replica, 'duplicate'))
  await waitUntil('all copies are seen', async () => (await seen()) === 53)
  expect((await effects(service)).toSorted()).toEqual([...letters, 'gate', 'in-one-batch'].toSorted())
})

test('a handler that fails costs its neighbours in the batch nothing', async () => {
  const { pass, open, reached } = gate()
  let failures = 0
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    await pass(message.data.noteId)
    await leaveEffect(tx, message)
    if (message.data.noteId === 'e' && ++failures <= 3) throw new Error('not yet')
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('gate'))
  await reached
  for (const letter of letters) await queues.publish(noteWritten, note(letter))
  open()
  await waitUntil('all are handled', async () => (await effects(service)).length === 11)
  expect((await effects(service)).toSorted()).toEqual([...letters, 'gate'].toSorted())
  // The batch, alone at once, and after the first pause, which is where the third failure happens.
  expect(await handledCount(service, 'retried')).toBe(2)
  expect(await handledCount(service, 'handled')).toBe(11)
})

test('a batch handler that fails is called again with arrays of one', async () => {
  const { pass, open, reached } = gate()
  const sizes: number[] = []
  const onNote = consumeBatch('on-note', noteWritten, async (messages, tx) => {
    sizes.push(messages.length)
    await pass(messages[0]?.data.noteId ?? '')
    for (const message of messages) await leaveEffect(tx, message)
    if (messages.length > 1) throw new Error('too many')
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('gate'))
  await reached
  for (const letter of letters) await queues.publish(noteWritten, note(letter))
  open()
  await waitUntil('all are handled', async () => (await effects(service)).length === 11)
  expect(sizes).toEqual([1, 10, ...letters.map(() => 1)])
  expect(await handledCount(service, 'retried')).toBe(0)
})

test('a failing message is tried after each pause, then dead, and holds up nobody', async () => {
  const attempts: number[] = []
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    if (message.data.noteId !== 'bad') return leaveEffect(tx, message)
    attempts.push(Date.now())
    throw new Error('never')
  })
  const env = { RETRY_DELAYS: '700ms,1400ms' }
  await using service = await startTestService(notesService({ consumers: [onNote] }), env)
  await using queues = await Queues.of(service.env)
  await queues.publish(noteWritten, note('bad'), { messageId: 'bad' })
  await queues.publish(noteWritten, note('good'))
  await waitUntil('the good one is handled', async () => (await effects(service)).length === 1)
  expect(attempts).toHaveLength(1)
  await waitUntil('the bad one is dead', async () => (await deadLetters(service)).length === 1)
  const [first = 0, second = 0, third = 0] = attempts
  expect(attempts).toHaveLength(3)
  // RabbitMQ counts in whole milliseconds.
  expect(second - first).toBeGreaterThanOrEqual(699)
  expect(third - second).toBeGreaterThanOrEqual(1_399)
  expect(await deadLetters(service)).toMatchObject([
    { message_id: 'bad', reason: 'attempts-exhausted', error: 'never', attempts: 3 },
  ])
})

describe('dead at once is', () => {
  let service: TestService
  let queues: Queues
  beforeAll(async () => {
    const onNote = consume('on-note', noteWritten, async () => {
      throw new Rejection('no', 409, 'No.')
    })
    service = await startTestService(notesService({ consumers: [onNote] }))
    queues = await Queues.of(service.env)
  })
  afterAll(async () => {
    await queues[Symbol.asyncDispose]()
    await service[Symbol.asyncDispose]()
  })

  test.each([
    ['a rejected message', {}, JSON.stringify(note('refused')), 'rejected', 'No.'],
    ['a body that is not JSON', {}, '{"noteId":', 'malformed', 'body is not JSON'],
    ['a body that does not fit', {}, '{"noteId":"a"}', 'malformed', 'body does not fit note.written'],
    ['another type', { type: 'note.eaten' }, JSON.stringify(note('a')), 'malformed', 'type is note.eaten'],
    ['a message without id', { messageId: '' }, JSON.stringify(note('a')), 'malformed', 'messageId is missing'],
    ['an id with NUL', { messageId: 'a\0b' }, JSON.stringify(note('a')), 'malformed', 'contains NUL'],
    ['a body that is not UTF-8', {}, Buffer.from([34, 0xff, 34]), 'malformed', 'body is not UTF-8'],
    ['a text with NUL', {}, JSON.stringify(note('a', 'x\0')), 'malformed', 'body must not contain the character'],
    ['half a character', {}, JSON.stringify(note('a', '\ud800')), 'malformed', 'body must not contain an unpaired'],
  ])('%s', async (_what, properties, body, reason, error) => {
    await service.resources.query({ text: 'delete from chassis.dead_letters' })
    const options = { type: noteWritten.type, messageId: randomUUID(), ...properties }
    await queues.send('notes.on-note', Buffer.from(body), options)
    await waitUntil('it is dead', async () => (await deadLetters(service)).length === 1)
    expect(await deadLetters(service)).toMatchObject([{ reason, error: expect.stringContaining(error), attempts: 1 }])
    expect(await handledCount(service, 'retried')).toBe(0)
  })
})

test('properties that no database takes, and fields that nobody reads, do not keep a message from being handled', async () => {
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    await leaveEffect(tx, message)
    tx.publish(noteCopied, note('copy'), { cause: message })
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'a=\0', baggage: '\0' }
  const options = { messageId: 'odd', correlationId: 'c\0', headers: { ...trace, 'caused-by': '\0' } }
  await queues.publish(noteWritten, { ...note('odd'), extra: '\0' } as never, options)
  await waitUntil('it is handled', async () => (await effects(service)).length === 1)
  expect(await deadLetters(service)).toEqual([])
})

test('headers that could not be sent on again do not stop the consumer', async () => {
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    if (message.data.noteId === 'bad') throw new Error('never')
    await leaveEffect(tx, message)
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await using queues = await Queues.of(service.env)
  const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, ballast: 'x'.repeat(65_000) }
  await queues.publish(noteWritten, note('bad'), { headers })
  await queues.publish(noteWritten, note('good'))
  await waitUntil('the good one is handled', async () => (await effects(service)).length === 1)
  await waitUntil('the bad one is dead', async () => (await deadLetters(service)).length === 1)
  expect(await deadLetters(service)).toMatchObject([{ trace_id: 'a'.repeat(32) }])
})

async function deadLetters({ resources }: TestService) {
  return (await resources.query({ text: 'select * from chassis.dead_letters order by id' })).rows
}
