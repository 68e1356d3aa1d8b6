import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdModels } from '../projecting/models.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { answersTo } from '../testing/owners.ts'
import { findNewest, startRebuild } from './rebuild.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

const newest = () => findNewest(model.resources.query)

/** A projection of a deletion that stops before its statements, or before its commit. */
function deleteProduct(productId: string, { before }: { readonly before: 'writing' | 'commit' }) {
  const [holds, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const stop = async (where: typeof before) => {
    if (where !== before) return
    holds.resolve()
    await mayGoOn.promise
  }
  const written = model.resources.transact(async tx => {
    const { models } = await holdModels(tx)
    await stop('writing')
    for (const each of models)
      await tx.query({
        text: `insert into ${each}.products (id, version, deleted_at) values ($1, 1, now())`,
        values: [productId],
      })
    await stop('commit')
  })
  return { written, holds: holds.promise, goOn: mayGoOn.resolve }
}

/** Waits until somebody waits for the models, or `isDone`. */
const untilHeldUp = (isDone: () => Promise<boolean>) =>
  waitUntil('it waits, or is done', async () => {
    const waiting = await model.sql(
      `select from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'
       and database = (select oid from pg_database where datname = current_database())`,
    )
    return waiting.length > 0 || (await isDone())
  })

test('a rebuild begins with the deletions of those who were writing when it was asked for', async () => {
  const productId = newId()
  const { holds, goOn, written } = deleteProduct(productId, { before: 'commit' })
  await holds
  const starting = model.resources.transact(startRebuild)
  await untilHeldUp(async () => (await newest())?.state === 'running')
  goOn()
  await Promise.all([written, starting])
  expect((await model.contents('model_next'))['products']).toMatchObject([{ id: productId }])
  await model.told(...answersTo((await newest())?.requestId ?? '', []))
  await model.completed()
})

test('who is writing when everything has come writes to the end, and nothing of it is lost', async () => {
  await model.resources.transact(startRebuild)
  const requestId = (await newest())?.requestId ?? ''
  await model.told(...answersTo(requestId, []).slice(1))
  const productId = newId()
  const { holds, goOn, written } = deleteProduct(productId, { before: 'writing' })
  await holds
  await model.told(...answersTo(requestId, []).slice(0, 1))
  await untilHeldUp(async () => (await newest())?.state === 'completed')
  goOn()
  await written
  await model.completed()
  expect((await model.contents())['products']).toContainEqual(expect.objectContaining({ id: productId }))
})
