import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderCreated, orderPaid, orderReserved, orderSnapshot } from '@feira/contracts/orders'
import { snapshotCompleted } from '@feira/contracts/snapshots'
import { expect, test } from 'vitest'
import { openModel } from '../testing/model.ts'
import { kinds, ownerOf } from './kinds.ts'
import { findNewest, startRebuild } from './rebuild.ts'

const statuses = ['pending', 'reserved', 'paid'] as const
const queue = 'queries.on-snapshot'

test('rebuilt under traffic, the model holds what the owner holds, order by order', async () => {
  await using model = await openModel({ OUTBOX_POLL_INTERVAL: '20ms' })
  const { query, transact } = model.resources
  /** The version of each order, as its owner has it when it says so. */
  const owned = new Map<string, number>()
  let trading = true
  const trade = async () => {
    while (trading) {
      const order = { ...orderCreated.example, orderId: newId() }
      owned.set(order.orderId, 1)
      await model.deliver(orderCreated, order)
      owned.set(order.orderId, 2)
      await model.deliver(orderReserved, { ...order, version: 2, reservedAt: order.createdAt })
      owned.set(order.orderId, 3)
      await model.deliver(orderPaid, { ...order, version: 3, paidAt: order.createdAt })
    }
  }
  const answer = (requestId: string) =>
    transact(async ({ publish }) => {
      for (const [orderId, version] of owned) {
        const state = {
          version,
          status: statuses[version - 1] ?? 'pending',
          changedAt: orderSnapshot.example.createdAt,
        }
        publish(orderSnapshot, { ...orderSnapshot.example, orderId, ...state, requestId }, { queue })
      }
      for (const kind of kinds) {
        const count = kind === 'order' ? owned.size : 0
        publish(snapshotCompleted, { requestId, owner: ownerOf[kind], kind, count }, { queue })
      }
    })
  const rebuild = async () => {
    await transact(startRebuild)
    const { requestId } = (await findNewest(query)) ?? { requestId: '' }
    await answer(requestId)
    await model.completed()
  }
  const traders = Promise.all([trade(), trade(), trade()])
  const rebuilding = async () => {
    for (let round = 1; round <= 4; round++) {
      await waitUntil('there are more orders', () => owned.size > round * 8)
      await rebuild()
    }
  }
  await rebuilding().finally(() => (trading = false))
  await traders
  const rows = await model.sql<{ id: string; version: number; status: string }>(
    'select id, version, status from model.orders order by id',
  )
  const expected = [...owned].map(([id, version]) => ({ id, version, status: statuses[version - 1] }))
  expect(rows).toEqual(expected.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
  expect(await model.sql('select from chassis.dead_letters')).toEqual([])
})
