import { newId } from '@feira/chassis'
import { notificationSent } from '@feira/contracts/notifications'
import { orderCancelled } from '@feira/contracts/orders'
import { userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findNewest, startRebuild } from '../rebuilding/rebuild.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { answersTo, rowsOf } from '../testing/owners.ts'
import { orderStory, tell, type Story, type Told } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

/** The same messages about somebody else, whose name and address hold `mark`. */
const about = (mark: string, messages: readonly Told[]): Told[] =>
  messages.map(told => {
    const text = JSON.stringify(told.data).replaceAll('Ana Souza', `Ana ${mark}`).replaceAll('ana@', `${mark}@`)
    return { ...told, data: JSON.parse(text) as object }
  })

const erase = (userId: string) => model.told(tell(userDeleted, { ...userDeleted.example, userId }))

/** The tables of the models, the service and the chassis in which a text stands. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await model.sql<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname in ('model', 'model_next', 'public', 'chassis') order by 1`,
  )
  expect(tables.length).toBeGreaterThan(14)
  const found = await Promise.all(
    tables.map(async ({ name }) => {
      const rows = await model.sql(`select from ${name} t where strpos(t::text, $1) > 0 limit 1`, text)
      return rows.length > 0 ? [name] : []
    }),
  )
  return found.flat()
}

test('leaves nothing of the person in any table, and their orders as they were', async () => {
  const mark = newId().slice(-12)
  const story = orderStory()
  const { orderId, userId } = story
  const unnamed = {
    ...notificationSent.example,
    notificationId: newId(),
    userId: null,
    recipient: `${mark}@example.com`,
  }
  await model.told(...about(mark, story.messages), tell(notificationSent, unnamed))
  expect(await tablesWith(mark)).toEqual(['model.notifications', 'model.orders', 'model.users'])
  await erase(userId)
  expect(await tablesWith(mark)).toEqual([])
  const [order] = await model.sql('select * from model.orders where id = $1', orderId)
  expect(order).toMatchObject({ user_id: userId, status: 'completed', version: 5, total_cents: '2999' })
  const timeline = await model.sql('select from timeline where order_id = $1 and user_id = $2', orderId, userId)
  expect(timeline.length).toBeGreaterThan(7)
})

test('what comes later is without the person, and what came before anything was known stays gone', async () => {
  const mark = newId().slice(-12)
  const story = orderStory()
  const { orderId, userId } = story
  await erase(userId)
  const cancelled = { ...orderCancelled.example, orderId, userId, version: 7, reason: `Ana ${mark} moved` }
  const updated = { ...userUpdated.example, userId, version: 9 }
  const late = [...story.messages, tell(orderCancelled, cancelled), tell(userUpdated, updated)]
  await model.told(...about(mark, late))
  expect(await tablesWith(mark)).toEqual([])
  const [order] = await model.sql('select status, customer_name from model.orders where id = $1', orderId)
  expect(order).toEqual({ status: 'cancelled', customer_name: null })
  const [user] = await model.sql('select name, email, deleted_at from model.users where id = $1', userId)
  expect(user).toEqual({ name: null, email: null, deleted_at: expect.any(Date) })
})

test('somebody else with the same name is left alone', async () => {
  const [story, other] = [orderStory(), orderStory()]
  await model.told(...story.messages, ...other.messages)
  await erase(story.userId)
  const [order] = await model.sql('select customer_email from model.orders where id = $1', other.orderId)
  expect(order).toEqual({ customer_email: 'ana@example.com' })
})

test('while a rebuild runs, both models forget the person, and answers that come later say nothing of them', async () => {
  const mark = newId().slice(-12)
  const [sooner, later] = [orderStory(), orderStory()]
  const ofPerson = (story: Story, messages: readonly Told[]) => about(`${mark}-${story.userId.slice(-4)}`, messages)
  for (const story of [sooner, later]) await model.told(...ofPerson(story, story.messages))
  await model.resources.transact(startRebuild)
  const requestId = (await findNewest(model.resources.query))?.requestId ?? ''
  await model.told(...ofPerson(sooner, rowsOf(requestId, [sooner])))
  expect(await tablesWith(mark)).toEqual(
    ['model', 'model_next'].flatMap(name => ['notifications', 'orders', 'users'].map(table => `${name}.${table}`)),
  )
  for (const { userId } of [sooner, later]) await erase(userId)
  await model.told(...ofPerson(later, rowsOf(requestId, [later])))
  expect(await tablesWith(mark)).toEqual([])
  await model.told(...answersTo(requestId, [sooner, later]).slice(-5))
  await model.completed()
  expect(await tablesWith(mark)).toEqual([])
  const ids = [sooner.userId, later.userId]
  const left = await model.sql('select from model.users where id = any($1) and deleted_at is not null', ids)
  expect(left).toHaveLength(2)
})
