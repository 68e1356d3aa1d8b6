import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { consume, consumeBatch, perform } from '../consuming/consumer.ts'
import { replayDeadLetters } from '../consuming/dead-letters.ts'
import { Rejection } from '../rejection.ts'
import type { Received } from '../service.ts'
import { authorDeleted, newAuthor, noteSigned, signedBy, tablesWith } from '../testing/fixture/authors.ts'
import { note, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'
import { eraseSubject } from './erase-subject.ts'

type Signed = Received<typeof noteSigned>['data']

// What each consumer saw of messages about authors.
let seen: Record<'each' | 'batch' | 'claim' | 'giveUp', Signed[]>
let broken: boolean
let texts: string[]
const consumers = [
  consume('each', [noteSigned, noteWritten], async message => {
    if (broken) throw new Rejection('broken', 500, JSON.stringify(message.data))
    if (message.type === 'note.signed') seen.each.push(message.data)
  }),
  consumeBatch('batch', noteSigned, async messages => void seen.batch.push(...messages.map(({ data }) => data))),
  perform('perform', noteSigned, {
    claim: async ({ data }) => void seen.claim.push(data),
    act: async () => {},
    settle: async () => {},
  }),
  perform('hopeless', noteSigned, {
    claim: async () => {
      throw new Rejection('no', 422, 'No.')
    },
    act: async () => {},
    settle: async () => {},
    giveUp: async ({ data }) => void seen.giveUp.push(data),
  }),
  eraseSubject('on-author-deleted', authorDeleted, async () => texts),
]

let service: TestService
let queues: Queues
beforeAll(async () => {
  service = await startTestService(notesService({ consumers }))
  queues = await Queues.of(service.env)
})
beforeEach(async () => {
  seen = { each: [], batch: [], claim: [], giveUp: [] }
  broken = false
  texts = []
  await service.resources.query({ text: 'truncate chassis.dead_letters, chassis.outbox' })
})
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

const erase = ({ id }: { id: string }) => service.deliver(authorDeleted, { authorId: id })
const blank = ({ id }: { id: string }) => ({ noteId: 'a', authorId: id, author: null, pages: 3 })

interface Letter extends Record<string, unknown> {
  readonly payload: string
  readonly error: string | null
  readonly subject_id: string | null
}
const letters = async (queue: string) =>
  (await service.resources.query<Letter>({ text: 'select * from chassis.dead_letters where queue like $1 order by id', values: [`%${queue}`] })).rows // prettier-ignore
const lettersAbout = ({ email }: { email: string }) => tablesWith(service.resources.query, email)

test('what arrives about an erased person reaches every handler without personal data', async () => {
  const author = newAuthor()
  const other = newAuthor()
  await erase(author)
  await service.deliver(noteSigned, { ...signedBy(author), motto: 'Write!' })
  await service.deliver(noteSigned, signedBy(other))
  const known = { ...signedBy(other) }
  expect(seen.each).toEqual([{ ...blank(author), motto: null }, known])
  expect(seen.batch).toEqual(seen.each)
  expect(seen.claim).toEqual(seen.each)
  expect(seen.giveUp).toEqual(seen.each)
})

test('an id is the same in capitals, wherever it is', async () => {
  const author = newAuthor()
  const capitals = { ...signedBy(author), authorId: author.id.toUpperCase() }
  broken = true
  await service.deliver(noteSigned, capitals)
  await queues.send('notes.each', Buffer.from(`{"authorId": "${capitals.authorId}", "email": "${author.email}"`), { type: 'note.signed', messageId: author.id }) // prettier-ignore
  await waitUntil('both are dead', async () => (await letters('each')).length === 2)
  expect(await lettersAbout(author)).not.toEqual([])
  await erase(author)
  expect(await lettersAbout(author)).toEqual([])
  broken = false
  seen.each = []
  await service.deliver(noteSigned, capitals)
  expect(seen.each).toEqual([{ ...capitals, author: null }])
})

test('a message without a subject is left as it is', async () => {
  await service.deliver(noteSigned, {
    noteId: 'a',
    authorId: null,
    author: { name: 'Anon', email: 'anon@example.com' },
  })
  expect(seen.each).toMatchObject([{ authorId: null, author: { name: 'Anon' } }])
})

describe('a dead letter', () => {
  test('about somebody who is erased is blanked, and is replayed without personal data', async () => {
    const author = newAuthor()
    broken = true
    await service.deliver(noteSigned, signedBy(author))
    const [before] = await letters('each')
    expect(before).toMatchObject({ subject_id: author.id, personal_fields: 'author,motto' })
    expect(before?.error).toContain(author.email)
    await erase(author)
    expect(await lettersAbout(author)).toEqual([])
    const [after] = await letters('each')
    expect(JSON.parse(after?.payload ?? '')).toEqual(blank(author))
    broken = false
    await replayDeadLetters(service.resources.query, { all: true })
    await waitUntil('it is handled', () => seen.each.length === 1)
    expect(seen.each).toEqual([blank(author)])
    const { rows } = await service.resources.query({ text: 'select subject_id, personal_fields from chassis.outbox' })
    expect(rows).toContainEqual({ subject_id: author.id, personal_fields: 'author,motto' })
  })

  test('that dies after the erasure is stored blanked', async () => {
    const author = newAuthor()
    await erase(author)
    broken = true
    await service.deliver(noteSigned, signedBy(author))
    const [letter] = await letters('each')
    expect(JSON.parse(letter?.payload ?? '')).toEqual(blank(author))
    expect(await lettersAbout(author)).toEqual([])
  })

  test('that follows no contract and mentions the person is emptied, before and after', async () => {
    const author = newAuthor()
    const malformed = Buffer.from(`{"authorId": "${author.id}", "email": "${author.email}"`)
    const send = (messageId: string) =>
      queues.send('notes.each', malformed, { type: 'note.signed', messageId: author.id + messageId })
    await send('before')
    await waitUntil('it is dead', async () => (await letters('each')).length === 1)
    await erase(author)
    await send('after')
    await waitUntil('the second is dead', async () => (await letters('each')).length === 2)
    expect((await letters('each')).map(({ payload }) => payload)).toEqual(['', ''])
  })

  test('of another type is emptied if it mentions a text that the service names, in whatever case', async () => {
    const author = newAuthor()
    broken = true
    await service.deliver(noteWritten, note('a', `write to ${author.email.toUpperCase()}`))
    await service.deliver(noteWritten, note('b', `signed ${author.name}`))
    await service.deliver(noteWritten, note('c', 'write to somebody else'))
    // The name is written with escapes there.
    texts = [author.email, author.name, ' ']
    await erase(author)
    const kept = (await letters('each')).map(({ payload }) => payload)
    expect(kept).toEqual(['', '', JSON.stringify(note('c', 'write to somebody else'))])
    expect(await lettersAbout(author)).toEqual([])
  })
})
