import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Rejection } from '../rejection.ts'
import type { Transaction } from '../service.ts'
import { effectsOf, leaveEffect, note, noteCopied, notesService, noteWritten, type NoteWritten } from '../testing/fixture/notes.ts' // prettier-ignore
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'
import { perform } from './consumer.ts'
import { replayDeadLetters } from './dead-letters.ts'

type GiveUp = (message: NoteWritten, error: unknown, tx: Transaction) => Promise<void>

// What each test is about; the effect of giving up is a row, so that twice would show.
let act: () => Promise<void>
let giveUp: GiveUp
const leave: GiveUp = (message, _error, tx) => leaveEffect(tx, message)
const onNote = perform('on-note', noteWritten, {
  claim: async message => message,
  act: () => act(),
  settle: async () => {},
  giveUp: (message, error, tx) => giveUp(message, error, tx),
})

let service: TestService
beforeAll(async () => {
  service = await startTestService(notesService({ consumers: [onNote] }))
})
beforeEach(async () => {
  await service.resources.query({ text: 'truncate effects, chassis.dead_letters, chassis.outbox' })
  giveUp = leave
})
afterAll(() => service[Symbol.asyncDispose]())

const effects = () => effectsOf(service.resources.query)
const reasons = async () =>
  (await service.resources.query<{ reason: string }>({ text: 'select reason from chassis.dead_letters order by id' })).rows.map(({ reason }) => reason) // prettier-ignore

describe('giving up happens once, in a transaction with what it publishes,', () => {
  test('when the attempts are used up', async () => {
    let acted = 0
    act = async () => {
      acted++
      throw new Error('the other side is away')
    }
    const errors: unknown[] = []
    giveUp = async (message, error, tx) => {
      errors.push(error)
      await leaveEffect(tx, message)
      tx.publish(noteCopied, message.data)
    }
    const messageId = await service.deliver(noteWritten, note('a'))
    expect(acted).toBe(3)
    expect(await effects()).toEqual(['a'])
    expect(errors).toEqual([new Error('the other side is away')])
    expect(await reasons()).toEqual(['attempts-exhausted'])
    const { rows } = await service.resources.query({ text: 'select headers from chassis.outbox' })
    expect(rows).toMatchObject([{ headers: { 'caused-by': messageId } }])
  })

  test('when a step refuses for good', async () => {
    act = async () => {
      throw new Rejection('no-such-address', 422, 'No such address.')
    }
    await service.deliver(noteWritten, note('a'))
    expect(await effects()).toEqual(['a'])
    expect(await reasons()).toEqual(['rejected'])
  })

  test('when the message is suspected of killing its process, and not again when it comes once more', async () => {
    act = async () => expect.unreachable()
    const { query } = service.resources
    const queue = `${service.env['BROKER_NAMESPACE']}notes.on-note`
    for (const deliveries of [5, 6]) {
      await query({
        text: `insert into chassis.suspect_messages (consumer, message_id, deliveries) values ($1, 'killer', $2)`,
        values: [queue, deliveries],
      })
      // As if the process had died between giving up and parking.
      await query({ text: 'delete from chassis.dead_letters' })
      await service.deliver(noteWritten, note('a'), { messageId: 'killer', headers: { 'x-delivery-count': 2 } })
    }
    expect(await effects()).toEqual(['a'])
    expect(await reasons()).toEqual(['kills-its-process'])
  })
})

test('a failure in giving up parks the message all the same, and writes nothing', async () => {
  act = async () => {
    throw new Rejection('no', 422, 'No.')
  }
  giveUp = async (message, _error, tx) => {
    await leaveEffect(tx, message)
    throw new Error('cannot even give up')
  }
  await service.deliver(noteWritten, note('a'))
  expect(await reasons()).toEqual(['rejected'])
  expect(await effects()).toEqual([])
})

test('a replay may succeed after all, or be given up again', async () => {
  const { query } = service.resources
  act = async () => {
    throw new Rejection('no', 422, 'No.')
  }
  await service.deliver(noteWritten, note('a'))
  await replayDeadLetters(query, { all: true })
  await waitUntil('it is given up again', async () => (await effects()).length === 2)
  await waitUntil('it is dead again', async () => (await reasons()).length === 2)
  act = async () => {}
  await replayDeadLetters(query, { all: true })
  await waitUntil('it is handled', async () => {
    const done = await query({ text: `select from chassis.processed_messages where consumer like '%notes.on-note'` })
    return done.rowCount === 1
  })
  expect(await effects()).toEqual(['a', 'a'])
})
