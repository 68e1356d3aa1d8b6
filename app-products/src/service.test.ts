import { refuseStrangers } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openShop, type Shop } from './testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

test('nobody but an admin changes the catalogue or reads its ledger; everybody may look at it', async () => {
  const { routes, attempts, publicRoutes } = await refuseStrangers(shop)
  expect(publicRoutes).toEqual(['GET /products', 'GET /products/:id', 'GET /products/categories'])
  // POST, PUT, PATCH, DELETE, the adjustment, the ledger with its HEAD, and the chassis' own.
  expect(routes).toBeGreaterThanOrEqual(7)
  expect(attempts).toBeGreaterThan(routes * 15)
})
