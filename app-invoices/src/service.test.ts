import { refuseStrangers, startTestService } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from './service.ts'

test('every route refuses who may not call it', async () => {
  await using invoices = await startTestService(service)
  const { routes, publicRoutes } = await refuseStrangers(invoices)
  expect(publicRoutes).toEqual([])
  // Four ways to read, each also by HEAD.
  expect(routes).toBeGreaterThanOrEqual(8)
})
