import { refuseStrangers, startTestService } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'

test('every route refuses whoever it is not for, and only these are for everybody', async () => {
  await using users = await startTestService(service)
  const { routes, attempts, publicRoutes } = await refuseStrangers(users)
  expect(publicRoutes).toEqual([
    'GET /.well-known/openid-configuration',
    'GET /auth/jwks.json',
    'POST /auth/login',
    'POST /auth/refresh',
    'POST /users',
  ])
  expect(routes).toBeGreaterThanOrEqual(10)
  expect(attempts).toBeGreaterThan(15 * routes)
})
