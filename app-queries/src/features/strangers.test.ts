import { refuseStrangers, startTestService } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'

test('nobody gets in who does not belong, and only the catalogue is for everybody', async () => {
  await using queries = await startTestService(service)
  const { routes, publicRoutes } = await refuseStrangers(queries)
  expect(publicRoutes).toEqual(['GET /q/products'])
  // 8 of its own, of which 5 answer HEAD, too; and those of /ops.
  expect(routes).toBeGreaterThanOrEqual(18)
})
