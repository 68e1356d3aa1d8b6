import { defineEvent } from '@feira/contracts'
import { z } from 'zod'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answerSnapshots } from './answer-snapshots.ts'
import { newId } from '../ids.ts'
import { notesService } from '../testing/fixture/notes.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

const request = z.object({
  requestId: z.string(),
  kinds: z.array(z.string()),
  replyQueue: z.string(),
  progress: z.object({ after: z.string(), sent: z.int() }).optional(),
})
const about = { owner: 'notes', summary: 'For tests.', aggregate: { type: 'snapshot', id: 'requestId' } } as const
const requested = defineEvent('snapshot.requested', {
  ...about,
  schema: request,
  example: { requestId: 'r', kinds: [], replyQueue: 'q' },
})
const completed = defineEvent('snapshot.completed', {
  ...about,
  schema: z.object({ requestId: z.string(), owner: z.string(), kind: z.string(), count: z.int() }),
  example: { requestId: 'r', owner: 'notes', kind: 'note', count: 0 },
})
const shown = defineEvent('note.snapshot', {
  owner: 'notes',
  summary: 'For tests.',
  aggregate: { type: 'note', id: 'noteId' },
  schema: z.object({ noteId: z.string(), requestId: z.string() }),
  example: { noteId: 'a', requestId: 'r' },
})

/** What the service owns. */
let ids: string[] = []
/** How many rows each transaction read. */
const pages: number[] = []

const onSnapshotRequested = answerSnapshots({
  requested,
  completed,
  row: shown,
  kind: 'note',
  owner: 'notes',
  readPage: async (_tx, after = '', limit) => {
    const page = ids.filter(id => id > after).slice(0, limit)
    pages.push(page.length)
    return page.map(id => ({ id }))
  },
  toPayload: ({ id }) => ({ noteId: id }),
})

let service: TestService
beforeAll(async () => {
  service = await startTestService(notesService({ consumers: [onSnapshotRequested] }), { OUTBOX_POLL_INTERVAL: '20ms' })
})
afterAll(() => service[Symbol.asyncDispose]())

async function ask(count: number, kinds = ['user', 'note']) {
  ids = Array.from({ length: count }, () => newId()).toSorted()
  pages.splice(0)
  const requestId = newId()
  await service.deliver(requested, { requestId, kinds, replyQueue: 'readers.on-snapshot' })
  return requestId
}

async function answerTo(requestId: string) {
  const { rows } = await service.resources.query<{ type: string; queue: string; payload: Record<string, unknown> }>({
    text: `select type, queue, payload from chassis.outbox where payload ->> 'requestId' = $1 order by id`,
    values: [requestId],
  })
  return rows
}

test.each([
  [0, [0]],
  [1, [1]],
  [499, [499]],
  [500, [500, 0]],
  [1_203, [500, 500, 203]],
])('%i rows are sent once each, with their count, in pages of 500', async (count, expected) => {
  const requestId = await ask(count)
  const isComplete = async () => (await answerTo(requestId)).some(({ type }) => type === completed.type)
  await waitUntil('it is complete', isComplete)
  const answer = (await answerTo(requestId)).filter(({ type }) => type !== requested.type)
  expect(answer.map(({ payload }) => payload)).toEqual([
    ...ids.map(noteId => ({ noteId, requestId })),
    { requestId, owner: 'notes', kind: 'note', count },
  ])
  expect(new Set(answer.map(({ queue }) => queue))).toEqual(new Set(['readers.on-snapshot']))
  expect(pages).toEqual(expected)
})

test('a service goes on by a message to itself alone', async () => {
  const requestId = await ask(501)
  await waitUntil('it is complete', () => pages.length === 2)
  const own = (await answerTo(requestId)).filter(({ type }) => type === requested.type)
  expect(own).toMatchObject([
    { queue: 'notes.on-snapshot-requested', payload: { progress: { after: ids[499], sent: 500 } } },
  ])
})

test('other kinds are left to their owners', async () => {
  expect(await answerTo(await ask(3, ['user', 'notes']))).toEqual([])
})
