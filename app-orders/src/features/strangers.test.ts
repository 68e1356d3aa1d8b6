import { refuseStrangers, startTestService } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'

test('nobody gets in who does not belong', async () => {
  await using orders = await startTestService(service)
  const { routes, publicRoutes } = await refuseStrangers(orders)
  expect(publicRoutes).toEqual([])
  // 12 of its own, of which 5 are read and have HEAD, too; and those of /ops.
  expect(routes).toBeGreaterThanOrEqual(17)
})
