import { startService, type RunningService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { snapshotRequested } from '@feira/contracts/snapshots'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdModels } from '../projecting/models.ts'
import { findNewest, startRebuild, type Rebuild } from '../rebuilding/rebuild.ts'
import { hasPast } from '../rebuilding/shadow.ts'
import { service } from '../service.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { answersTo, completion, rowsOf } from '../testing/owners.ts'
import { orderStory } from '../testing/stories.ts'
import { watchRebuild } from './watch-rebuild.ts'

let model: OpenModel
let replica: RunningService

beforeAll(async () => {
  model = await openModel({ REBUILD_TIMEOUT: '1h' })
  replica = await startService(service, { ...model.env, PORT: '0' })
})
afterAll(async () => {
  await replica.stop()
  await model[Symbol.asyncDispose]()
})

async function newest(): Promise<Rebuild> {
  const found = await findNewest(model.resources.query)
  if (!found) throw new Error('there was no rebuild')
  return found
}

async function start(): Promise<string> {
  await model.resources.transact(startRebuild)
  return (await newest()).requestId
}

const ended = (requestId: string) =>
  waitUntil('it has ended', async () => {
    const { requestId: id, state } = await newest()
    return id === requestId && state !== 'running'
  }).then(() => model.resources.transact(holdModels))

const orders = async () => (await model.contents())['orders']
const schemas = async () =>
  (
    await model.sql<{ name: string }>(`select nspname as name from pg_namespace where nspname like 'model%' order by 1`)
  ).map(({ name }) => name)

test('a new database fills itself, once, however many replicas start on it', async () => {
  await using fresh = await openModel({}, { unfilled: true })
  const others = await Promise.all([0, 1].map(() => startService(service, { ...fresh.env, PORT: '0' })))
  const requested = await fresh.published(snapshotRequested)
  const stories = [orderStory()]
  await fresh.told(...answersTo(requested[0]?.requestId ?? '', stories))
  await waitUntil('it is filled', async () => (await fresh.contents())['orders']?.length === 1)
  await Promise.all(others.map(other => other.stop()))
  expect(requested).toHaveLength(1)
  expect(await fresh.published(snapshotRequested)).toHaveLength(1)
  expect(await fresh.sql('select state from rebuilds')).toEqual([{ state: 'completed' }])
})

test('what nobody has sent is named when it is given up, and what is read stays as it was', async () => {
  const story = await model.story()
  const before = await model.contents()
  const requestId = await start()
  await model.told(
    ...rowsOf(requestId, [story, orderStory()]).slice(0, 8),
    completion(requestId, 'user', 2),
    completion(requestId, 'product', 2),
    completion(requestId, 'invoice', 3),
    completion(requestId, 'notification', 0),
  )
  await model.watch()
  expect((await newest()).state).toBe('running')
  await model.sql(`update rebuilds set progressed_at = now() - interval '61 minutes' where request_id = $1`, requestId)
  await ended(requestId)
  const { state, reason } = await newest()
  expect(state).toBe('failed')
  expect(reason).toBe(
    'Nothing more came: orders has not said how many orders it has, and 2 came; invoices has sent 3 invoices, of which 1 came.',
  )
  expect(await schemas()).not.toContain('model_next')
  expect(await model.contents()).toEqual(before)
  const late = orderStory()
  await model.told(...late.messages)
  expect(await orders()).toHaveLength((before['orders']?.length ?? 0) + 1)
})

test('an answer puts the end of its patience off', async () => {
  const requestId = await start()
  await model.sql(`update rebuilds set progressed_at = now() - interval '59 minutes' where request_id = $1`, requestId)
  await model.told(completion(requestId, 'user', 0))
  expect((await newest()).idleMs).toBeLessThan(60_000)
  await model.told(...answersTo(requestId, []))
  await ended(requestId)
  expect((await newest()).state).toBe('completed')
})

test('it goes on where it was when every process has stopped and another starts, however late', async () => {
  await using first = await openModel({ REBUILD_TIMEOUT: '1h' })
  await first.resources.transact(startRebuild)
  const requestId = (await findNewest(first.resources.query))?.requestId ?? ''
  const stories = [orderStory(), orderStory()]
  const answers = answersTo(requestId, stories)
  await first.told(...answers.slice(0, 7))
  await first.sql(`update rebuilds set progressed_at = now() - interval '20 minutes'`)
  await first.stop()

  const second = await startService(service, { ...first.env, PORT: '0', REBUILD_TIMEOUT: '10m' })
  const found = () => findNewest(second.resources.query)
  try {
    await watchRebuild.run(second.resources as never, new AbortController().signal)
    expect(await found()).toMatchObject({ requestId, state: 'running' })
    await second.resources.transact(async ({ publish }) => {
      for (const { message, data } of answers.slice(7)) publish(message, data, { queue: 'queries.on-snapshot' })
    })
    await waitUntil('it is completed', async () => (await found())?.state === 'completed')
    const { rows } = await second.resources.query({ text: 'select id from model.orders order by id' })
    expect(rows).toEqual(stories.map(({ orderId }) => ({ id: orderId })))
  } finally {
    await second.stop()
  }
})

test('several replicas that all see that everything has come switch once', async () => {
  const requestId = await start()
  await model.told(...answersTo(requestId, [orderStory(), orderStory()]))
  await Promise.all(Array.from({ length: 4 }, () => model.watch()))
  await ended(requestId)
  expect((await newest()).state).toBe('completed')
  expect(await orders()).toHaveLength(2)
  expect(await schemas()).toEqual(['model', 'model_past'])
})

test('what was read before is cleared away when nobody can be reading it any more', async () => {
  const requestId = await start()
  await model.told(...answersTo(requestId, []))
  await ended(requestId)
  await model.watch()
  expect(await hasPast(model.resources.query)).toBe(true)
  await model.sql(`update rebuilds set finished_at = now() - interval '6 s' where request_id = $1`, requestId)
  await waitUntil('it is cleared away', async () => !(await hasPast(model.resources.query)))
  expect(await schemas()).toEqual(['model'])
})

test('what was read before does not outlive its time because the next rebuild runs', async () => {
  const before = await start()
  await model.told(...answersTo(before, []))
  await ended(before)
  const requestId = await start()
  expect(await schemas()).toEqual(['model', 'model_next', 'model_past'])
  await model.sql(`update rebuilds set started_at = started_at - interval '6 s'`)
  await waitUntil('it is cleared away', async () => !(await hasPast(model.resources.query)))
  expect((await newest()).state).toBe('running')
  await model.told(...answersTo(requestId, []))
  await ended(requestId)
})

test.each([
  ['another column', 'alter table model.orders add column colour text', 'alter table model.orders drop column colour'],
  ['another index', 'create index orders_total on model.orders (total_cents)', 'drop index model.orders_total'],
])('a migration meanwhile (%s) ends it, and hinders nobody from writing', async (_what, migrate, revert) => {
  const requestId = await start()
  await model.sql(migrate)
  try {
    await ended(requestId)
    const reason = 'A migration changed the tables of the model meanwhile.'
    expect(await newest()).toMatchObject({ state: 'failed', reason })
    const { orderId } = await model.story()
    expect(await model.sql('select version from model.orders where id = $1', orderId)).toEqual([{ version: 5 }])
  } finally {
    await model.sql(revert)
  }
})

test('a migration that is under way when everything has come is not lost by the switch', async () => {
  const requestId = await start()
  const { promise: mayCommit, resolve: commit } = Promise.withResolvers<void>()
  const migrating = model.resources.transact(async ({ query }) => {
    await query({ text: 'alter table model.orders add column colour text' })
    await mayCommit
  })
  await model.told(...answersTo(requestId, []))
  await waitUntil('the switch is made, or waits for it', async () => {
    const waiting = await model.sql(`select from pg_locks where relation = 'model.orders'::regclass and not granted`)
    return waiting.length > 0 || (await newest()).state !== 'running'
  })
  commit()
  await migrating
  await ended(requestId)
  expect((await newest()).state).toBe('failed')
  await model.sql('alter table model.orders drop column colour')
})
