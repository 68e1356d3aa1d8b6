import type { Query } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { openModel } from '../testing/model.ts'
import { orderStory } from '../testing/stories.ts'
import { createOrderReader } from './cached-orders.ts'

test('who asks for an order that has just come does not share the answer of who asked before', async () => {
  await using model = await openModel()
  const { db, cache, query } = model.resources
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
  let looks = 0
  const slowAtFirst: Query = async statement => {
    const result = await query(statement)
    if (looks++ === 0) await mayAnswer
    return result as never
  }
  const orders = createOrderReader({ db, cache, query: slowAtFirst })
  const { orderId, userId, messages } = orderStory()
  const sooner = orders.facts(orderId)
  await waitUntil('it has seen that there is none', () => looks === 1)
  await model.told(...messages)
  const later = orders.facts(orderId)
  answer()
  expect(await later).toMatchObject({ userId })
  await sooner
})
