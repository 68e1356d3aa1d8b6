import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { consume } from './consumer.ts'
import { fingerprint } from './failure.ts'
import { Rejection } from '../rejection.ts'
import { effectsOf, leaveEffect, note, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { asAdmin, startTestService, waitUntil, type TestService } from '../testing/index.ts'

let broken = true
let attempts: number[] = []
// Message ids of one test: what was handled in another is known.
let one: string
const onNote = consume('on-note', noteWritten, async (message, tx) => {
  attempts.push(message.publishedAt?.getTime() ?? Number.NaN)
  if (broken) throw new Rejection('broken', 500, message.data.body)
  await leaveEffect(tx, message)
})

let service: TestService
let queues: Queues
beforeAll(async () => {
  service = await startTestService(notesService({ consumers: [onNote] }))
  queues = await Queues.of(service.env)
})
beforeEach(async () => {
  broken = true
  attempts = []
  one = randomUUID()
  await service.resources.query({ text: 'truncate effects, chassis.dead_letters, chassis.outbox' })
})
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

const effects = () => effectsOf(service.resources.query)

interface Letter {
  readonly id: string
  readonly message_id: string
  readonly reason: string
  readonly error: string
  readonly fingerprint: string
  readonly payload: string
  readonly trace_id: string
  readonly aggregate_id: string
  readonly replayed_at: Date | null
}

async function letters(count: number): Promise<Letter[]> {
  const read = async () =>
    (await service.resources.query<Letter & Record<string, unknown>>({ text: 'select * from chassis.dead_letters order by id' })).rows // prettier-ignore
  await waitUntil(`there are ${count} dead letters`, async () => (await read()).length === count)
  return read()
}

async function call(method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) {
  const reply = await service.http.inject({
    method,
    url: `/ops/dead-letters${path}`,
    headers: asAdmin(),
    ...(payload ? { payload } : {}),
  })
  return { status: reply.statusCode, body: reply.body === '' ? undefined : reply.json() }
}

describe('dead letters', () => {
  test('are drained with what is needed to look into them', async () => {
    const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'aggregate-id': 'a' }
    await queues.publish(noteWritten, note('a', 'too bad'), { messageId: one, headers })
    expect(await letters(1)).toMatchObject([
      {
        queue: `${service.env['BROKER_NAMESPACE']}notes.on-note`,
        message_id: one,
        type: 'note.written',
        reason: 'rejected',
        error: 'too bad',
        attempts: 1,
        trace_id: 'a'.repeat(32),
        aggregate_id: 'a',
        payload: JSON.stringify(note('a', 'too bad')),
        headers,
        replayed_at: null,
      },
    ])
    expect(await queues.depth('notes.on-note.dlq')).toBe(0)
  })

  test('are grouped by cause, whatever ids and numbers it names', async () => {
    await queues.publish(noteWritten, note('a', 'no stock of 12 for 0198c5a0-0000-7000-8000-00000000000a'))
    await queues.publish(noteWritten, note('b', 'no stock of 7 for 0198c5a0-0000-7000-8000-00000000000b'))
    await queues.publish(noteWritten, note('c', 'no customer'))
    await queues.send('notes.on-note', Buffer.from('{'), { type: 'note.written', messageId: 'd' })
    await queues.send('notes.on-note', Buffer.from('{"some": "thing else'), { type: 'note.written', messageId: 'e' })
    await letters(5)
    const { body } = await call('GET', '')
    const counts = body.groups.map((group: { count: number; reason: string }) => [group.reason, group.count])
    expect(counts.toSorted()).toEqual([['malformed', 2], ['rejected', 1], ['rejected', 2]]) // prettier-ignore
  })

  test.each([
    ['NUL', Buffer.from('{"\0"}')],
    ['what is not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x00])],
    ['nothing', Buffer.alloc(0)],
  ])('hold %s', async (_what, body) => {
    const headers = { odd: 'a\0b', nested: { deep: ['\0'] }, 'x-error': 'ours alone' }
    await queues.send('notes.on-note', body, { type: 'note.written', messageId: 'odd', headers })
    expect(await letters(1)).toMatchObject([{ message_id: 'odd', reason: 'malformed' }])
  })

  test('that somebody else put into the queue are stored too', async () => {
    await queues.send('notes.on-note.dlq', Buffer.from('what is this\0'), {
      messageId: 'a\0b',
      headers: { 'x-error': '\0' },
    })
    expect(await letters(1)).toMatchObject([
      { message_id: 'a\uFFFDb', reason: 'unknown', payload: 'what is this\uFFFD' },
    ])
  })
})

describe('a replay', () => {
  async function die(...bodies: string[]): Promise<Letter[]> {
    for (const body of bodies) await queues.publish(noteWritten, note(body, body), { messageId: `${one} ${body}` })
    return letters(bodies.length)
  }

  test('of one sends it back to its queue under its id, as if it had never been tried', async () => {
    const published = new Date('2026-01-02T03:04:05.678Z')
    const headers = { 'published-at': published.toISOString(), 'aggregate-version': 7, 'x-attempt': 3 }
    await queues.publish(noteWritten, note('a'), { messageId: one, headers, correlationId: 'conversation' })
    const [letter] = await letters(1)
    broken = false
    expect(await call('POST', `/${letter?.id}/replay`)).toEqual({ status: 200, body: { replayed: 1 } })
    await waitUntil('it is handled', async () => (await effects()).length === 1)
    expect(attempts).toEqual([published.getTime(), published.getTime()])
    const { rows } = await service.resources.query({ text: 'select * from chassis.outbox' })
    expect(rows).toMatchObject([
      {
        message_id: one,
        queue: `${service.env['BROKER_NAMESPACE']}notes.on-note`,
        aggregate_version: '7',
        headers: { 'correlation-id': 'conversation' },
      },
    ])
    expect(rows[0]?.headers).not.toHaveProperty('x-attempt')
  })

  test('is refused a second time, for what does not exist, and for what is malformed', async () => {
    const [letter] = await die('a')
    broken = false
    await call('POST', `/${letter?.id}/replay`)
    expect(await call('POST', `/${letter?.id}/replay`)).toMatchObject({ status: 409, body: { code: 'not-replayable' } })
    await queues.send('notes.on-note', Buffer.from('{'), { type: 'note.written', messageId: 'malformed' })
    const [, malformed] = await letters(2)
    expect(await call('POST', `/${malformed?.id}/replay`)).toMatchObject({ status: 409 })
    expect(await call('POST', '/0198c5a0-0000-7000-8000-00000000000a/replay')).toMatchObject({ status: 409 })
    expect(await call('POST', '/replay', { all: true })).toEqual({ status: 200, body: { replayed: 0 } })
  })

  test('is refused for what died before the inbox can remember, and of all leaves it', async () => {
    const [letter] = await die('a')
    await service.resources.query({ text: `update chassis.dead_letters set died_at = now() - interval '31 days'` })
    expect(await call('POST', `/${letter?.id}/replay`)).toMatchObject({
      status: 409,
      body: { code: 'too-old-to-replay' },
    })
    expect((await call('POST', '/replay', { all: true })).body).toEqual({ replayed: 0 })
  })

  test('of one cause leaves the others', async () => {
    const [first] = await die('no 1', 'no 2', 'other')
    broken = false
    const selection = { fingerprint: first?.fingerprint }
    expect((await call('POST', '/replay', { ...selection, dryRun: true })).body).toEqual({ wouldReplay: 2 })
    expect(await effects()).toEqual([])
    expect((await call('POST', '/replay', selection)).body).toEqual({ replayed: 2 })
    await waitUntil('they are handled', async () => (await effects()).length === 2)
    expect((await letters(3)).map(({ replayed_at }) => replayed_at === null)).toEqual([false, false, true])
  })

  test('of all takes more than one portion, each once', async () => {
    const ids = Array.from({ length: 520 }, (_, index) => `note-${index}`)
    await die(...ids)
    broken = false
    expect((await call('POST', '/replay', { all: true })).body).toEqual({ replayed: 520 })
    await waitUntil('all are handled', async () => (await effects()).length >= ids.length)
    expect((await effects()).toSorted()).toEqual(ids.toSorted())
  })

  test('of all is not stopped by one that jsonb does not hold', async () => {
    const properties = { type: 'note.written', headers: { 'x-reason': 'attempts-exhausted' } }
    const half = '{"noteId":"half","version":1,"body":"\\ud800"}'
    const nul = '{"noteId":"nul","version":1,"body":"\\u0000"}'
    const fine = '{"noteId":"fine","version":1,"body":"\\\\u0000 \\ud83d\\ude00"}'
    for (const body of [half, nul, 'no json', fine])
      await queues.send('notes.on-note.dlq', Buffer.from(body), { ...properties, messageId: body })
    await letters(4)
    broken = false
    expect((await call('POST', '/replay', { all: true, dryRun: true })).body).toEqual({ wouldReplay: 1 })
    expect((await call('POST', '/replay', { all: true })).body).toEqual({ replayed: 1 })
    await waitUntil('it is handled', async () => (await effects()).includes('fine'))
    expect(await service.published(noteWritten)).toEqual([JSON.parse(fine)])
  })

  test('that dies again is a new dead letter', async () => {
    const [first] = await die('a')
    await call('POST', `/${first?.id}/replay`)
    const [replayed, again] = await letters(2)
    expect(replayed).toMatchObject({ id: first?.id, replayed_at: expect.any(Date) })
    expect(again).toMatchObject({ message_id: `${one} a`, fingerprint: first?.fingerprint, replayed_at: null })
  })
})

test('a dead letter can be looked at and deleted', async () => {
  await queues.publish(noteWritten, note('a'), { messageId: one })
  const [letter] = await letters(1)
  expect(await call('GET', `/${letter?.id}`)).toMatchObject({ status: 200, body: { messageId: one } })
  expect((await call('DELETE', `/${letter?.id}`)).status).toBe(204)
  expect((await call('GET', `/${letter?.id}`)).status).toBe(404)
  expect((await call('DELETE', `/${letter?.id}`)).status).toBe(404)
})

test('the kind of an error and its queue tell causes apart', () => {
  const prints = [
    fingerprint('a', 'rejected', new Error('no 1')),
    fingerprint('a', 'rejected', new TypeError('no 1')),
    fingerprint('b', 'rejected', new Error('no 1')),
    fingerprint('a', 'malformed', new Error('no 1')),
  ]
  expect(new Set(prints).size).toBe(4)
  expect(fingerprint('a', 'rejected', new Error('no 2'))).toBe(prints[0])
})

// At the end, because nothing shows when the copy has been dealt with.
test('dead letters are one as long as the same message dies again unreplayed', async () => {
  await queues.publish(noteWritten, note('a'), { messageId: one })
  await letters(1)
  await queues.publish(noteWritten, note('a'), { messageId: one })
  await waitUntil('it was tried again', () => attempts.length === 2)
  await queues.publish(noteWritten, note('b'), { messageId: 'the next' })
  expect(await letters(2)).toMatchObject([{ message_id: one }, { message_id: 'the next' }])
})
