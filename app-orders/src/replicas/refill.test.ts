import { startTestService, waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'
import { findOpenRefill, noteProgress, requestRefill } from './refill.ts'

test('two transactions that bring the last rows of two kinds at the same time complete a refill', async () => {
  await using orders = await startTestService(service)
  const { transact, query } = orders.resources
  const requestId = await transact(tx => requestRefill(tx))
  const all = { requestId, received: 1, expected: 1 }
  let settled = false
  let products: Promise<void> = Promise.resolve()
  const isWaiting = async () => {
    const { rows } = await query<{ waiting: number }>({
      text: `select count(*)::int as waiting from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'`,
    })
    return rows[0]?.waiting === 1
  }
  await transact(async tx => {
    await noteProgress(tx, [{ ...all, kind: 'user' }])
    products = transact(other => noteProgress(other, [{ ...all, kind: 'product' }])).finally(() => (settled = true))
    await waitUntil('the other one waits or is done', async () => settled || (await isWaiting()))
  })
  await products
  expect(await findOpenRefill(query)).toBeUndefined()
})

test('of two requests at the same time one is made', async () => {
  await using orders = await startTestService(service)
  const { transact } = orders.resources
  const ids = await Promise.all(Array.from({ length: 6 }, () => transact(tx => requestRefill(tx))))
  expect(new Set(ids).size).toBe(1)
})
