import { setImmediate as breath } from 'node:timers/promises'
import { waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { openModel } from '../testing/model.ts'
import { answersTo } from '../testing/owners.ts'
import { orderStory } from '../testing/stories.ts'
import { findNewest, startRebuild } from './rebuild.ts'

test('whoever reads, by prepared statements of several tables, sees an order at every moment of several rebuilds', async () => {
  await using model = await openModel()
  const { query, transact } = model.resources
  const story = await model.story()
  let reading = true
  const seen: unknown[] = []
  const read = async (name: string) => {
    while (reading) {
      const { rows } = await query<{ version: number; customer: string; number: string; channels: string[] }>({
        name,
        text: `select orders.version, users.name as customer, invoices.number, products.name as product,
                 array(select channel from model.notifications where order_id = orders.id) as channels
               from model.orders left join model.users on users.id = orders.user_id
                 left join model.invoices on invoices.order_id = orders.id
                 left join model.products on products.id = (orders.items -> 0 ->> 'productId')::uuid
               where orders.id = $1`,
        values: [story.orderId],
      })
      seen.push(...rows)
      expect(rows).toEqual([
        { version: 5, customer: 'Ana Souza', number: '2026-000042', product: 'Café 250 g', channels: ['email'] },
      ])
      await breath()
    }
  }
  // As many as leave connections to the service, each with a statement of its own.
  const readers = Array.from({ length: 4 }, (_, index) => read(`reader-${index}`))
  const rebuilding = async () => {
    for (let round = 0; round < 4; round++) {
      await transact(startRebuild)
      const requestId = (await findNewest(query))?.requestId ?? ''
      await model.told(...answersTo(requestId, [story]), ...orderStory().messages.slice(0, 4))
      await model.completed()
      const before = seen.length
      await waitUntil('it was read again', () => seen.length > before + 20)
    }
  }
  await rebuilding().finally(() => (reading = false))
  await Promise.all(readers)
  expect(seen.length).toBeGreaterThan(100)
})
