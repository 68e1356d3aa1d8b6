import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { consume } from '../consuming/consumer.ts'
import type { App, Resources } from '../service.ts'
import { authorDeleted, newAuthor, noteSigned, signedBy, tablesWith } from '../testing/fixture/authors.ts'
import { notesService } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'
import { sendAnswer } from '../writing/idempotency.ts'
import { eraseSubject } from './erase-subject.ts'

// The service's own table: a note's body is its author's e-mail address, its id the author's.
const onAuthorDeleted = eraseSubject('on-author-deleted', authorDeleted, async (authorId, tx) => {
  if (authorId === stubborn) throw new Error('cannot be erased')
  const { rows } = await tx.query<{ body: string }>({
    text: `with known as (select id, body from notes where id = $1 and body <> '' for update)
           update notes set body = '' from known where notes.id = known.id returning known.body`,
    values: [authorId],
  })
  return rows.map(({ body }) => body)
})
let stubborn = ''
const onSigned = consume('on-signed', noteSigned, async ({ data }, tx) => {
  await tx.query({ text: 'insert into notes (id, body) values ($1, $2)', values: [data.authorId, data.author?.email] })
})

const sign = (app: App, { transactOnce, groupCommit }: Resources) => {
  const write = groupCommit({
    name: 'sign-note',
    columns: { note_id: 'text' },
    statements: `notes as (insert into notes (id, body) select note_id, '' from accepted)`,
  })
  app.post('/notes', { config: { access: 'public' } }, async (request, reply) => {
    const author = request.body as ReturnType<typeof newAuthor>
    const answer = { status: 201, headers: { location: `/authors/${author.email}` }, body: author }
    return sendAnswer(reply, await transactOnce(request, async () => ({ ...answer, subjectId: author.id })))
  })
  app.post('/grouped', { config: { access: 'public' } }, async (request, reply) => {
    const author = request.body as ReturnType<typeof newAuthor>
    const payload = signedBy(author, randomUUID())
    const answer = { status: 201, body: author }
    const work = write(request, async () => ({
      row: { note_id: randomUUID() },
      publish: tx => tx.publish(noteSigned, payload),
      answer,
    }))
    return sendAnswer(reply, await work)
  })
}

let service: TestService
let queues: Queues
beforeAll(async () => {
  service = await startTestService(notesService({ consumers: [onAuthorDeleted, onSigned], routes: [sign] }))
  queues = await Queues.of(service.env)
})
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

const query: Resources['query'] = statement => service.resources.query(statement)
const tablesAbout = ({ email }: { email: string }) => tablesWith(query, email)
const erase = ({ id }: { id: string }) => service.deliver(authorDeleted, { authorId: id })
const publish = (author: ReturnType<typeof newAuthor>, queue?: string) =>
  service.resources.transact(async tx => tx.publish(noteSigned, signedBy(author), queue === undefined ? {} : { queue }))

test('after an erasure no table of the service or of the chassis knows the person', async () => {
  const author = newAuthor()
  const other = newAuthor()
  for (const each of [author, other]) {
    await publish(each)
    await waitUntil('it came back as a message', async () => (await tablesAbout(each)).includes('public.notes'))
    await service.http.inject({ method: 'POST', url: '/notes', headers: { 'idempotency-key': each.id }, payload: each })
    await queues.send('notes.on-signed', Buffer.from(`{"of": "${each.email}"`), { type: 'note.signed', messageId: each.id }) // prettier-ignore
    await waitUntil('it is dead', async () => (await tablesAbout(each)).includes('chassis.dead_letters'))
  }
  const everywhere = ['chassis.dead_letters', 'chassis.idempotency_keys', 'chassis.outbox', 'public.notes']
  expect((await tablesAbout(author)).toSorted()).toEqual(everywhere)
  await erase(author)
  expect(await tablesAbout(author)).toEqual([])
  expect((await tablesAbout(other)).toSorted()).toEqual(everywhere)
})

test('messages in the outbox keep the rest, and what has not left yet leaves and is valid', async () => {
  const author = newAuthor()
  await publish(author, 'signatures')
  const unrouted = async () => (await query({ text: `select from chassis.outbox where unrouted_at is not null` })).rowCount // prettier-ignore
  await waitUntil('it waits for its queue', async () => (await unrouted()) === 1)
  await erase(author)
  await queues.listen('signatures')
  await query({ text: 'update chassis.outbox set unrouted_at = null' })
  await waitUntil('it has left', async () => (await queues.depth('signatures')) === 1)
  const [message] = await queues.drain('signatures')
  const payload: unknown = JSON.parse(message?.content.toString() ?? '')
  expect(payload).toEqual({ noteId: 'a', authorId: author.id, author: null, pages: 3 })
  expect(noteSigned.schema.safeParse(payload).success).toBe(true)
})

test('messages of which nobody knew whose they are are found by what the service knows of the person', async () => {
  const [author, other] = [newAuthor(), newAuthor()]
  for (const each of [author, other]) {
    await query({ text: 'insert into notes (id, body) values ($1, $2)', values: [each.id, each.email] })
    const unsigned = { ...signedBy({ ...each, email: each.email.toUpperCase() }), authorId: null }
    await service.resources.transact(async tx => tx.publish(noteSigned, unsigned, { queue: 'nowhere' }))
  }
  await erase(author)
  expect(await tablesAbout(author)).toEqual([])
  expect((await tablesAbout(other)).toSorted()).toEqual(['chassis.outbox', 'public.notes'])
})

describe('a request repeated after the erasure is answered 410', () => {
  test.each(['/notes', '/grouped'])('when %s first answered about the person, named in capitals', async url => {
    const author = newAuthor()
    const payload = { ...author, id: author.id.toUpperCase() }
    const headers = { 'idempotency-key': author.id }
    const request = () => service.http.inject({ method: 'POST', url, headers, payload })
    expect((await request()).statusCode).toBe(201)
    expect((await request()).json()).toEqual(payload)
    await erase(author)
    const repeated = await request()
    expect(repeated.statusCode).toBe(410)
    expect(repeated.json()).toMatchObject({ code: 'answer-erased' })
    expect(repeated.body).not.toContain(author.email)
  })
})

describe('what an erasure could not see is blanked soon after', () => {
  test('when a transaction that was under way commits after it', async () => {
    const author = newAuthor()
    const { promise: erased, resolve: goOn } = Promise.withResolvers<void>()
    const late = service.resources.transact(async tx => {
      tx.publish(noteSigned, signedBy(author), { queue: 'nowhere' })
      await tx.query({ text: 'insert into notes (id, body) values ($1, $2)', values: [author.id, author.email] })
      await erased
    })
    await erase(author)
    goOn()
    await late
    expect(await tablesAbout(author)).toEqual(expect.arrayContaining(['public.notes', 'chassis.outbox']))
    await waitUntil('it is swept', async () => (await tablesAbout(author)).length === 0)
  })

  test('and one that cannot be erased again does not hold up the others', async () => {
    const [failing, author] = [newAuthor(), newAuthor()]
    await erase(failing)
    stubborn = failing.id
    await erase(author)
    await query({ text: 'update chassis.erased_subjects set next_sweep_at = now() where subject_id = $1', values: [author.id] }) // prettier-ignore
    const sweeps = async ({ id }: { id: string }) =>
      (await query<{ sweeps: number }>({ text: 'select sweeps from chassis.erased_subjects where subject_id = $1', values: [id] })).rows[0]?.sweeps // prettier-ignore
    await waitUntil('the other is swept twice', async () => ((await sweeps(author)) ?? 0) >= 1)
    expect(await sweeps(failing)).toBe(0)
    stubborn = ''
  })

  test('in the end there is nothing left to wait for', async () => {
    const author = newAuthor()
    await erase(author)
    const tombstone = async () =>
      (await query<{ sweeps: number; next_sweep_at: Date | null }>({ text: 'select sweeps, next_sweep_at from chassis.erased_subjects where subject_id = $1', values: [author.id] })).rows[0] // prettier-ignore
    for (let sweep = 1; sweep <= 4; sweep++) {
      const due = 'update chassis.erased_subjects set next_sweep_at = now() where subject_id = $1'
      await query({ text: due, values: [author.id] })
      await waitUntil(`sweep ${sweep} is done`, async () => (await tombstone())?.sweeps === sweep)
    }
    expect((await tombstone())?.next_sweep_at).toBeNull()
  })
})
